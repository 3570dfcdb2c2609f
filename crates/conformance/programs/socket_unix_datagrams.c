// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static int bound(const char *path) {
    int fd = MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    MUST(bind(fd, (void *)&name, sizeof name));
    return fd;
}

static void states(const char *what, int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    poll(&p, 1, 0);
    printf("%s: %s%s%s%s%s\n", what, p.revents & POLLIN ? "IN " : "", p.revents & POLLOUT ? "OUT " : "", p.revents & POLLHUP ? "HUP " : "",
        p.revents & POLLRDHUP ? "RDHUP " : "", p.revents & POLLERR ? "ERR" : "");
}

int main(void) {
    int a = bound("a"), b = bound("b"), c = bound("c");
    struct sockaddr_un to_b = {.sun_family = AF_UNIX, .sun_path = "b"}, to_c = {.sun_family = AF_UNIX, .sun_path = "c"}, from;
    struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "nowhere"}, none = {.sun_family = AF_UNSPEC};
    char bytes[64];
    VALUE(send(a, "x", 1, 0));
    VALUE(sendto(a, "to b", 4, 0, (void *)&to_b, sizeof to_b));
    VALUE(sendto(a, "", 0, 0, (void *)&to_b, sizeof to_b));
    VALUE(sendto(a, "x", 1, 0, (void *)&nowhere, sizeof nowhere));
    socklen_t length = sizeof from;
    VALUE(recvfrom(b, bytes, 2, MSG_PEEK | MSG_TRUNC, (void *)&from, &length));
    printf("%s, %u bytes\n", from.sun_path, length);
    VALUE(recvfrom(b, bytes, 64, 0, (void *)&from, &length));
    VALUE(recvfrom(b, bytes, 64, 0, (void *)&from, &length));
    VALUE(recvfrom(b, bytes, 64, 0, (void *)&from, &length));
    // A full queue.
    int sent = 0;
    while (sendto(a, "fill", 4, 0, (void *)&to_b, sizeof to_b) == 4 && sent < 1000) sent++;
    printf("%d, then %s\n", sent, error_name(errno));
    states("a", a);
    VALUE(connect(a, (void *)&to_b, sizeof to_b));
    states("a connected to the full one", a);
    VALUE(recv(b, bytes, 64, 0));
    states("and after a read", a);
    while (recv(b, bytes, 64, 0) >= 0) {}
    // Connected ones take from their peer only.
    VALUE(connect(b, (void *)&to_c, sizeof to_c));
    VALUE(send(a, "x", 1, 0));
    VALUE(connect(a, (void *)&to_b, sizeof to_b));
    VALUE(send(c, "x", 1, 0));
    VALUE(connect(c, (void *)&to_b, sizeof to_b));
    VALUE(send(c, "x", 1, 0));
    VALUE(recv(b, bytes, 64, 0));
    VALUE(getpeername(c, (void *)&from, &length));
    VALUE(connect(c, (void *)&none, sizeof none));
    VALUE(getpeername(c, (void *)&from, &length));
    VALUE(connect(c, (void *)&to_b, sizeof to_b));
    // A peer that is gone is reported, then forgotten.
    close(b);
    VALUE(send(c, "x", 1, 0));
    VALUE(send(c, "x", 1, 0));
    VALUE(connect(c, (void *)&to_b, sizeof to_b));
    // Shutting down.
    VALUE(shutdown(a, SHUT_RD));
    fcntl(a, F_SETFL, 0);
    VALUE(recv(a, bytes, 64, 0));
    states("read shut", a);
    VALUE(shutdown(a, SHUT_WR));
    VALUE(send(a, "x", 1, MSG_NOSIGNAL));
    states("both shut", a);
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    VALUE(shutdown(pair[0], SHUT_WR));
    VALUE(recv(pair[1], bytes, 64, MSG_DONTWAIT));
    VALUE(send(pair[0], "x", 1, MSG_NOSIGNAL));
    VALUE(shutdown(pair[0], SHUT_RD));
    VALUE(send(pair[1], "x", 1, MSG_NOSIGNAL));
    char big[300000];
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    VALUE(send(pair[0], big, sizeof big, MSG_DONTWAIT));
    VALUE(listen(pair[0], 1));
    VALUE(accept(pair[0], NULL, NULL));
}
