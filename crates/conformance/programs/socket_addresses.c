// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static void show(const char *what, int result, struct sockaddr_in *address, socklen_t length, int port) {
    printf("%s: %d, %u bytes, %s, port %s\n", what, result, length, inet_ntoa(address->sin_addr),
           ntohs(address->sin_port) == port ? "as expected" : address->sin_port ? "other" : "0");
}

int main(void) {
    struct sockaddr_in address, got = {0};
    socklen_t length = sizeof got;
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    int result = getsockname(fd, (void *)&got, &length);
    show("unbound", result, &got, length, 1);
    VALUE(getpeername(fd, (void *)&got, &length));
    int listener = tcp_listener(&address, 1), port = ntohs(address.sin_port);
    VALUE(connect(fd, (void *)&address, sizeof address));
    length = sizeof got;
    result = getpeername(fd, (void *)&got, &length);
    show("peer of the client", result, &got, length, port);
    length = sizeof got;
    result = getsockname(fd, (void *)&got, &length);
    int client = ntohs(got.sin_port);
    show("client", result, &got, length, client);
    length = sizeof got;
    int peer = accept(listener, (void *)&got, &length);
    show("accepted from", peer < 0, &got, length, client);
    length = sizeof got;
    result = getsockname(peer, (void *)&got, &length);
    show("accepted at", result, &got, length, port);
    // A buffer that is too short is filled as far as it goes, and the true length is said.
    length = 4;
    memset(&got, 0, sizeof got);
    result = getsockname(peer, (void *)&got, &length);
    show("short", result, &got, length, 1);
    length = (socklen_t)-1;
    VALUE(getsockname(peer, (void *)&got, &length));
    VALUE(getsockname(0, (void *)&got, &length));
    VALUE(getsockname(99, (void *)&got, &length));
    VALUE(getpeername(listener, (void *)&got, &length));
    FACT(getsockname(peer, (void *)8, &length) == -1);
}
