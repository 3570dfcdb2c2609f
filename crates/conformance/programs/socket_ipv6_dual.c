// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static int bound(int family, int only, const char *text, int port, int kind) {
    int fd = MUST(socket(family, kind, 0));
    if (family == AF_INET6) MUST(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only));
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    void *address = family == AF_INET ? (void *)&four : (void *)&six;
    inet_pton(family, text, family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr);
    errno = 0;
    int result = bind(fd, address, family == AF_INET ? sizeof four : sizeof six);
    printf("  bind %s%s: %s\n", text, only ? " only" : "", result ? error_name(errno) : "ok");
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    MUST(getsockname(fd, (void *)&address, &length));
    return ntohs(address.sin6_port);
}

static void peer(int fd) {
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    char text[64];
    MUST(getpeername(fd, (void *)&address, &length));
    printf("peer %s", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
    MUST(getsockname(fd, (void *)&address, &length));
    printf(", own %s\n", inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text));
}

int main(void) {
    int value, on = 1;
    socklen_t length = sizeof value;
    for (int kind = SOCK_STREAM; kind <= SOCK_DGRAM; kind++) {
        printf("kind %d\n", kind);
        int first = bound(AF_INET6, 0, "::", 0, kind), port = port_of(first);
        VALUE(setsockopt(first, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
        bound(AF_INET, 0, "0.0.0.0", port, kind);
        bound(AF_INET, 0, "127.0.0.1", port, kind);
        bound(AF_INET6, 1, "::1", port, kind);
        close(first);
        first = bound(AF_INET6, 1, "::", 0, kind), port = port_of(first);
        int second = bound(AF_INET, 0, "0.0.0.0", port, kind);
        bound(AF_INET6, 0, "::1", port, kind);
        close(first), close(second);
        first = bound(AF_INET, 0, "127.0.0.1", 0, kind), port = port_of(first);
        bound(AF_INET6, 0, "::", port, kind);
        bound(AF_INET6, 0, "::ffff:127.0.0.1", port, kind);
        second = bound(AF_INET6, 1, "::", port, kind);
    }
    // A dual listener, and clients of both families.
    int listener = bound(AF_INET6, 0, "::", 0, SOCK_STREAM), port = port_of(listener);
    VALUE(listen(listener, 5));
    struct sockaddr_in four = loopback(port);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT}, mapped = six;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    int a = MUST(socket(AF_INET, SOCK_STREAM, 0)), b = MUST(socket(AF_INET6, SOCK_STREAM, 0)), c = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    VALUE(connect(a, (void *)&four, sizeof four));
    peer(MUST(accept(listener, NULL, NULL)));
    VALUE(connect(b, (void *)&six, sizeof six));
    peer(b);
    peer(MUST(accept(listener, NULL, NULL)));
    VALUE(connect(c, (void *)&mapped, sizeof mapped));
    peer(c);
    peer(MUST(accept(listener, NULL, NULL)));
    VALUE(getsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length));
    printf("%d\n", value);
    // One of IPv6 alone.
    close(listener);
    listener = bound(AF_INET6, 1, "::", 0, SOCK_STREAM), port = port_of(listener);
    VALUE(listen(listener, 5));
    four.sin_port = six.sin6_port = mapped.sin6_port = htons((uint16_t)port);
    VALUE(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&four, sizeof four));
    VALUE(connect(MUST(socket(AF_INET6, SOCK_STREAM, 0)), (void *)&mapped, sizeof mapped));
    VALUE(connect(MUST(socket(AF_INET6, SOCK_STREAM, 0)), (void *)&six, sizeof six));
    c = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    VALUE(setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    VALUE(connect(c, (void *)&mapped, sizeof mapped));
    VALUE(setsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    VALUE(getsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length));
}
