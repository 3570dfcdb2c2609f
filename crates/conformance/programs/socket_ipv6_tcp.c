// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static void show(const char *what, int (*name)(int, struct sockaddr *, socklen_t *), int fd) {
    struct sockaddr_in6 address;
    memset(&address, 0, sizeof address);
    socklen_t length = sizeof address;
    int result = name(fd, (void *)&address, &length);
    char text[64];
    printf("%s: %d, family %d, %s, port %s, scope %u, %u bytes\n", what, result, address.sin6_family, inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text),
        address.sin6_port ? "some" : "0", address.sin6_scope_id, length);
}

int main(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof address;
    int listener = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    show("fresh", getsockname, listener);
    VALUE(bind(listener, (void *)&address, 27 - 4));
    VALUE(bind(listener, (void *)&(struct sockaddr_in){.sin_family = AF_INET}, sizeof(struct sockaddr_in6)));
    VALUE(bind(listener, (void *)&address, sizeof address));
    VALUE(listen(listener, 5));
    MUST(getsockname(listener, (void *)&address, &length));
    show("listener", getsockname, listener);
    int client = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    VALUE(connect(client, (void *)&address, sizeof address));
    struct sockaddr_in6 from;
    length = sizeof from;
    int server = MUST(accept(listener, (void *)&from, &length));
    printf("accepted from family %d, %u bytes\n", from.sin6_family, length);
    show("client", getsockname, client);
    show("client's peer", getpeername, client);
    show("server's peer", getpeername, server);
    VALUE(write(client, "over six", 8));
    char bytes[64] = {0};
    VALUE(read(server, bytes, 64));
    printf("%s\n", bytes);
    VALUE(write(server, "back", 4));
    VALUE(read(client, bytes, 64));
    int value;
    length = sizeof value;
    VALUE(getsockopt(client, SOL_SOCKET, SO_DOMAIN, &value, &length));
    FACT(value == AF_INET6);
    VALUE(shutdown(client, SHUT_WR));
    VALUE(read(server, bytes, 64));
    close(server), close(client), close(listener);
    client = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    VALUE(connect(client, (void *)&address, sizeof address));
    // The unspecified address is this host; an address that nobody has, and one of another family.
    listener = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    address.sin6_addr = in6addr_any, address.sin6_port = 0;
    VALUE(bind(listener, (void *)&address, sizeof address));
    VALUE(listen(listener, 1));
    length = sizeof address;
    MUST(getsockname(listener, (void *)&address, &length));
    show("any", getsockname, listener);
    client = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    VALUE(connect(client, (void *)&address, sizeof address));
    show("peer", getpeername, client);
    inet_pton(AF_INET6, "2001:db8::77", &address.sin6_addr);
    VALUE(bind(MUST(socket(AF_INET6, SOCK_STREAM, 0)), (void *)&address, sizeof address));
    struct sockaddr_in four = loopback(1);
    VALUE(connect(MUST(socket(AF_INET6, SOCK_STREAM, 0)), (void *)&four, sizeof four));
    VALUE(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&address, sizeof address));
    VALUE(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP));
    VALUE(socket(AF_INET6, SOCK_SEQPACKET, 0));
}
