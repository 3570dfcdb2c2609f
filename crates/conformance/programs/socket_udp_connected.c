// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_in a, b, c, got;
    int one = udp_socket(&a), two = udp_socket(&b), three = udp_socket(&c);
    char bytes[64];
    VALUE(connect(one, (void *)&b, sizeof b));
    VALUE(send(one, "to two", 6, 0));
    VALUE(recv(two, bytes, 64, 0));
    // Only the peer is heard.
    sendto(three, "foreign", 7, 0, (void *)&a, sizeof a);
    sendto(two, "from two", 8, 0, (void *)&a, sizeof a);
    VALUE(recv(one, bytes, 64, 0));
    VALUE(recv(one, bytes, 64, MSG_DONTWAIT));
    socklen_t length = sizeof got;
    VALUE(getpeername(one, (void *)&got, &length));
    FACT(got.sin_port == b.sin_port);
    VALUE(sendto(one, "to three", 8, 0, (void *)&c, sizeof c));
    VALUE(recv(three, bytes, 64, 0));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    VALUE(connect(one, &none, sizeof none));
    VALUE(getpeername(one, (void *)&got, &length));
    VALUE(send(one, "x", 1, 0));
    // Nobody is there: the error comes with the next call.
    close(three);
    int four = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    VALUE(connect(four, (void *)&c, sizeof c));
    VALUE(send(four, "x", 1, 0));
    until_readable(four);
    VALUE(recv(four, bytes, 64, MSG_DONTWAIT));
    VALUE(recv(four, bytes, 64, MSG_DONTWAIT));
    // A socket that was never bound has an address once it has sent.
    length = sizeof got;
    VALUE(getsockname(four, (void *)&got, &length));
    FACT(got.sin_port != 0 && got.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}
