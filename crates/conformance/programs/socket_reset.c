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
    int s[2];
    char bytes[64];
    signal(SIGPIPE, SIG_IGN);
    tcp_pair(s);
    struct linger at_once = {1, 0};
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    close(s[0]);
    until_readable(s[1]);
    VALUE(recv(s[1], bytes, 64, 0));
    VALUE(recv(s[1], bytes, 64, 0));
    VALUE(send(s[1], "x", 1, 0));
    close(s[1]);
    // Closing with unread data resets, too.
    tcp_pair(s);
    send(s[1], "unread", 6, 0);
    until_readable(s[0]);
    close(s[0]);
    until_readable(s[1]);
    RETURNS(error_of(s[1]));
    RETURNS(error_of(s[1]));
    VALUE(recv(s[1], bytes, 64, 0));
    close(s[1]);
    // Writing to one that was closed: first accepted, then refused.
    tcp_pair(s);
    close(s[0]);
    until_readable(s[1]);
    VALUE(recv(s[1], bytes, 64, 0));
    VALUE(send(s[1], "x", 1, 0));
    struct pollfd p = {s[1], 0, 0};
    poll(&p, 1, 5000);
    VALUE(send(s[1], "x", 1, 0));
}
