// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static const char *text(struct sockaddr_in6 *address) {
    static char bytes[64];
    return inet_ntop(AF_INET6, &address->sin6_addr, bytes, sizeof bytes);
}

int main(void) {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6}, from = {0}, mapped, own;
    socklen_t length = sizeof to;
    int server = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), client = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), old = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    VALUE(bind(server, (void *)&to, sizeof to));
    MUST(getsockname(server, (void *)&to, &length));
    to.sin6_addr = in6addr_loopback;
    mapped = to;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    char bytes[64] = {0};
    VALUE(sendto(client, "six", 3, 0, (void *)&to, sizeof to));
    VALUE(recvfrom(server, bytes, 64, 0, (void *)&from, &length));
    printf("%s from %s, %u bytes\n", bytes, text(&from), length);
    VALUE(sendto(server, "answer", 6, 0, (void *)&from, sizeof from));
    VALUE(recvfrom(client, bytes, 64, 0, (void *)&own, &length));
    FACT(own.sin6_port == to.sin6_port);
    // IPv4 to the same socket, and from it.
    struct sockaddr_in four = loopback(ntohs(to.sin6_port));
    VALUE(sendto(old, "four", 4, 0, (void *)&four, sizeof four));
    VALUE(recvfrom(server, bytes, 64, 0, (void *)&from, &length));
    printf("%.4s from %s\n", bytes, text(&from));
    VALUE(sendto(server, "back", 4, 0, (void *)&from, sizeof from));
    VALUE(recv(old, bytes, 64, 0));
    VALUE(sendto(client, "mapped", 6, 0, (void *)&mapped, sizeof mapped));
    VALUE(recvfrom(server, bytes, 64, 0, (void *)&from, &length));
    printf("%.6s from %s\n", bytes, text(&from));
    VALUE(sendto(client, "x", 1, 0, (void *)&to, 20));
    VALUE(sendto(client, "x", 1, 0, NULL, 0));
    // Connected: the peer decides which address is ours.
    VALUE(connect(client, (void *)&to, sizeof to));
    VALUE(getsockname(client, (void *)&own, &length));
    printf("%s\n", text(&own));
    VALUE(send(client, "connected", 9, 0));
    VALUE(recv(server, bytes, 64, 0));
    struct sockaddr_in6 none = {.sin6_family = AF_UNSPEC};
    VALUE(connect(client, (void *)&none, sizeof none));
    VALUE(getsockname(client, (void *)&own, &length));
    printf("%s\n", text(&own));
    VALUE(getpeername(client, (void *)&own, &length));
    VALUE(connect(client, (void *)&mapped, sizeof mapped));
    VALUE(getsockname(client, (void *)&own, &length));
    printf("%s\n", text(&own));
    VALUE(getpeername(client, (void *)&own, &length));
    printf("%s\n", text(&own));
    // Nobody there.
    int closed = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    own = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    VALUE(bind(closed, (void *)&own, sizeof own));
    MUST(getsockname(closed, (void *)&own, &length));
    close(closed);
    int lost = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    VALUE(connect(lost, (void *)&own, sizeof own));
    VALUE(send(lost, "x", 1, 0));
    until_readable(lost);
    VALUE(recv(lost, bytes, 64, 0));
    // A large one, in one piece or in fragments.
    static char large[40000], got[40000];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7);
    int big = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    VALUE(sendto(big, large, sizeof large, 0, (void *)&to, sizeof to));
    VALUE(recv(server, got, sizeof got, 0));
    FACT(memcmp(large, got, sizeof got) == 0);
    VALUE(sendto(big, large, 70000 > sizeof large ? sizeof large : 0, 0, (void *)&mapped, sizeof mapped));
    VALUE(recv(server, got, sizeof got, MSG_TRUNC));
}
