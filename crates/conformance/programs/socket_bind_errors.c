// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 1), one = 1;
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(bind(fd, (void *)&address, sizeof address));
    VALUE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    VALUE(bind(fd, (void *)&address, sizeof address));
    struct sockaddr_in foreign = loopback(0);
    foreign.sin_addr.s_addr = inet_addr("198.51.100.7");
    VALUE(bind(fd, (void *)&foreign, sizeof foreign));
    VALUE(bind(fd, (void *)&address, 4));
    struct sockaddr_in any = loopback(0);
    any.sin_family = AF_UNIX;
    VALUE(bind(fd, (void *)&any, sizeof any));
    any.sin_family = AF_INET;
    VALUE(bind(fd, (void *)&any, sizeof any));
    VALUE(bind(fd, (void *)&any, sizeof any));
    VALUE(bind(fd, (void *)8, sizeof any));
    VALUE(listen(fd, 0));
    VALUE(listen(fd, 100));
    VALUE(listen(0, 1));
    VALUE(listen(99, 1));
    VALUE(connect(fd, (void *)&address, sizeof address));
    struct sockaddr_in udp;
    int datagram = udp_socket(&udp);
    VALUE(listen(datagram, 1));
    VALUE(accept(datagram, NULL, NULL));
    int unbound = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(accept(unbound, NULL, NULL));
    // A port whose listener is gone can be had again.
    close(listener);
    int again = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(bind(again, (void *)&address, sizeof address));
    VALUE(listen(again, 1));
    // Port sharing, where both ask for it.
    int a = MUST(socket(AF_INET, SOCK_STREAM, 0)), b = MUST(socket(AF_INET, SOCK_STREAM, 0));
    setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    any = loopback(0);
    VALUE(bind(a, (void *)&any, sizeof any));
    socklen_t length = sizeof any;
    getsockname(a, (void *)&any, &length);
    VALUE(bind(b, (void *)&any, sizeof any));
    VALUE(listen(a, 1));
    VALUE(listen(b, 1));
}
