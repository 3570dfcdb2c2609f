// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 8);
    int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    VALUE(poll(&p, 1, 0));
    printf("fresh: %#x\n", p.revents);
    int result = connect(fd, (void *)&address, sizeof address);
    FACT(result == 0 || errno == EINPROGRESS);
    p.events = POLLOUT;
    VALUE(poll(&p, 1, 5000));
    printf("connected: %#x\n", p.revents);
    int error = -1;
    socklen_t length = sizeof error;
    VALUE(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    RETURNS(error);
    result = connect(fd, (void *)&address, sizeof address);
    FACT(result == 0 || errno == EISCONN);
    VALUE(connect(fd, (void *)&address, sizeof address));
    char byte;
    VALUE(recv(fd, &byte, 1, 0));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    until_readable(listener);
    int peer = MUST(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    FACT(fcntl(peer, F_GETFL) & O_NONBLOCK);
    FACT(fcntl(peer, F_GETFD) & FD_CLOEXEC);
    VALUE(accept4(listener, NULL, NULL, 0));
    VALUE(accept4(listener, NULL, NULL, 3));
    VALUE(recv(peer, &byte, 1, 0));
    fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(connect(fd, (void *)&address, sizeof address));
    until_readable(listener);
    peer = MUST(accept(listener, NULL, NULL));
    FACT(!(fcntl(peer, F_GETFL) & O_NONBLOCK));
}
