// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static void show(const char *what, int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
    poll(&p, 1, 0);
    printf("%s: %#x\n", what, p.revents);
}

static void until(int fd, short events) {
    struct pollfd p = {fd, events, 0};
    poll(&p, 1, 5000);
}

int main(void) {
    int s[2];
    struct sockaddr_in address;
    show("fresh", MUST(socket(AF_INET, SOCK_STREAM, 0)));
    int listener = tcp_listener(&address, 2);
    show("listening", listener);
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (void *)&address, sizeof address));
    until(listener, POLLIN);
    show("listening with one", listener);
    tcp_pair(s);
    show("connected", s[0]);
    send(s[1], "x", 1, 0);
    until(s[0], POLLIN);
    show("data", s[0]);
    shutdown(s[1], SHUT_WR);
    until(s[0], POLLRDHUP);
    show("data and end", s[0]);
    shutdown(s[0], SHUT_WR);
    until(s[1], POLLRDHUP);
    show("both ends shut", s[0]);
    show("other side", s[1]);
    close(s[0]);
    tcp_pair(s);
    shutdown(s[0], SHUT_RD);
    show("reading shut", s[0]);
    shutdown(s[0], SHUT_RDWR);
    until(s[1], POLLRDHUP);
    show("peer shut both", s[1]);
    tcp_pair(s);
    struct linger at_once = {1, 0};
    setsockopt(s[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(s[1]);
    until(s[0], POLLIN);
    show("reset", s[0]);
    int udp = udp_socket(&address);
    show("udp", udp);
    sendto(udp, "", 0, 0, (void *)&address, sizeof address);
    until(udp, POLLIN);
    show("udp with an empty datagram", udp);
}
