// What the socket programs share.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

// 127.0.0.1 with a port, 0 for any.
static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// A listening socket on a free port, whose address is left in `address`.
static inline int tcp_listener(struct sockaddr_in *address, int backlog) {
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    *address = loopback(0);
    MUST(bind(fd, (void *)address, sizeof *address));
    MUST(listen(fd, backlog));
    socklen_t length = sizeof *address;
    MUST(getsockname(fd, (void *)address, &length));
    return fd;
}

// A connected pair of TCP sockets.
static inline void tcp_pair(int pair[2]) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 1);
    pair[0] = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(pair[0], (void *)&address, sizeof address));
    pair[1] = (int)MUST(accept(listener, NULL, NULL));
    close(listener);
}

// A bound UDP socket.
static inline int udp_socket(struct sockaddr_in *address) {
    int fd = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
    *address = loopback(0);
    MUST(bind(fd, (void *)address, sizeof *address));
    socklen_t length = sizeof *address;
    MUST(getsockname(fd, (void *)address, &length));
    return fd;
}

// Waits until there is something to read (or an end, or an error).
static inline void until_readable(int fd) {
    struct pollfd p = {fd, POLLIN, 0};
    poll(&p, 1, 5000);
}
