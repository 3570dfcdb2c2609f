// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static int get(int fd, int level, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, option, &value, &length) ? -1 : value;
}

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

int main(void) {
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    FACT(get(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    VALUE(get(fd, SOL_SOCKET, SO_DOMAIN));
    VALUE(get(fd, SOL_SOCKET, SO_PROTOCOL));
    VALUE(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
    VALUE(get(fd, SOL_SOCKET, SO_REUSEADDR));
    VALUE(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    VALUE(get(fd, SOL_SOCKET, SO_REUSEADDR));
    VALUE(get(fd, SOL_SOCKET, SO_KEEPALIVE));
    VALUE(set(fd, SOL_SOCKET, SO_KEEPALIVE, 7));
    VALUE(get(fd, SOL_SOCKET, SO_KEEPALIVE));
    VALUE(get(fd, IPPROTO_TCP, TCP_NODELAY));
    VALUE(set(fd, IPPROTO_TCP, TCP_NODELAY, 1));
    VALUE(get(fd, IPPROTO_TCP, TCP_NODELAY));
    VALUE(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30));
    VALUE(get(fd, IPPROTO_TCP, TCP_KEEPIDLE));
    VALUE(set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5));
    VALUE(set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3));
    VALUE(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000));
    VALUE(set(fd, SOL_SOCKET, SO_SNDBUF, 30000));
    FACT(get(fd, SOL_SOCKET, SO_SNDBUF) >= 30000);
    VALUE(set(fd, SOL_SOCKET, SO_RCVBUF, 30000));
    FACT(get(fd, SOL_SOCKET, SO_RCVBUF) >= 30000);
    VALUE(set(fd, IPPROTO_IP, IP_TOS, 0x10));
    VALUE(get(fd, IPPROTO_IP, IP_TOS));
    VALUE(set(fd, IPPROTO_IP, IP_TTL, 33));
    VALUE(get(fd, IPPROTO_IP, IP_TTL));
    VALUE(set(fd, SOL_SOCKET, 9999, 1));
    VALUE(set(fd, 99, 1, 1));
    VALUE(set(fd, SOL_SOCKET, SO_ERROR, 1));
    VALUE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4));
    VALUE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, "x", 1));
    struct linger linger = {1, 3};
    VALUE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    linger = (struct linger){0, 0};
    socklen_t length = sizeof linger;
    VALUE(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
    printf("linger %d %d\n", linger.l_onoff, linger.l_linger);
    int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    FACT(get(udp, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    VALUE(set(udp, SOL_SOCKET, SO_BROADCAST, 1));
    VALUE(get(udp, SOL_SOCKET, SO_BROADCAST));
    VALUE(set(udp, IPPROTO_TCP, TCP_NODELAY, 1));
    VALUE(get(0, SOL_SOCKET, SO_TYPE));
    listen(fd, 1);
    VALUE(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
}
