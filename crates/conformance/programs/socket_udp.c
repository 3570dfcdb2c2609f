// build: glibc musl pie
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_in a, b, from;
    int one = udp_socket(&a), two = udp_socket(&b);
    char bytes[2048] = {0};
    VALUE(sendto(one, "hello", 5, 0, (void *)&b, sizeof b));
    VALUE(sendto(one, "", 0, 0, (void *)&b, sizeof b));
    VALUE(sendto(one, "second", 6, 0, (void *)&b, sizeof b));
    socklen_t length = sizeof from;
    VALUE(recvfrom(two, bytes, sizeof bytes, 0, (void *)&from, &length));
    FACT(length == sizeof from && from.sin_port == a.sin_port && from.sin_addr.s_addr == a.sin_addr.s_addr);
    VALUE(recv(two, bytes, sizeof bytes, 0));
    int waiting = -1;
    until_readable(two);
    VALUE(ioctl(two, FIONREAD, &waiting));
    VALUE(waiting);
    // What does not fit is lost.
    VALUE(recv(two, bytes, 3, 0));
    printf("%.3s\n", bytes);
    VALUE(recv(two, bytes, 3, MSG_DONTWAIT));
    sendto(one, "long message", 12, 0, (void *)&b, sizeof b);
    VALUE(recv(two, bytes, 4, MSG_PEEK));
    VALUE(recv(two, bytes, 4, MSG_TRUNC));
    sendto(one, "long message", 12, 0, (void *)&b, sizeof b);
    struct iovec part = {bytes, 4};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
    VALUE(recvmsg(two, &message, 0));
    FACT(message.msg_flags == MSG_TRUNC);
    VALUE(message.msg_namelen);
    VALUE(send(one, "x", 1, 0));
    static char large[70000];
    VALUE(sendto(one, large, 65508, 0, (void *)&b, sizeof b));
    VALUE(sendto(one, large, 60000, 0, (void *)&b, sizeof b));
    until_readable(two);
    VALUE(recv(two, large, sizeof large, 0));
    b.sin_port = 0;
    VALUE(sendto(one, "x", 1, 0, (void *)&b, sizeof b));
    VALUE(sendto(one, "x", 1, 0, (void *)&b, 3));
    b.sin_family = AF_UNIX;
    VALUE(sendto(one, "x", 1, 0, (void *)&b, sizeof b));
}
