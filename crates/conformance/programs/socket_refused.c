// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static int error_of(int fd) {
    int error = -1;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

int main(void) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 1);
    close(listener);
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(connect(fd, (void *)&address, sizeof address));
    close(fd);
    fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    VALUE(connect(fd, (void *)&address, sizeof address));
    struct pollfd p = {fd, POLLOUT, 0};
    VALUE(poll(&p, 1, 5000));
    FACT(p.revents & POLLERR);
    RETURNS(error_of(fd));
    RETURNS(error_of(fd));
    close(fd);
    // After a refusal, the same socket may try again.
    struct sockaddr_in other;
    listener = tcp_listener(&other, 1);
    fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(connect(fd, (void *)&address, sizeof address));
    VALUE(connect(fd, (void *)&other, sizeof other));
    VALUE(connect(fd, (void *)&other, sizeof other));
}
