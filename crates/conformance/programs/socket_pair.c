// build: glibc musl pie
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    char bytes[64] = {0};
    signal(SIGPIPE, SIG_IGN);
    VALUE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
    VALUE(write(s[0], "abc", 3));
    VALUE(write(s[0], "def", 3));
    VALUE(read(s[1], bytes, 64));
    VALUE(write(s[1], "back", 4));
    VALUE(read(s[0], bytes, 64));
    VALUE(recv(s[0], bytes, 1, MSG_DONTWAIT));
    VALUE(shutdown(s[0], SHUT_WR));
    VALUE(read(s[1], bytes, 64));
    VALUE(write(s[0], "x", 1));
    close(s[0]);
    VALUE(write(s[1], "x", 1));
    VALUE(read(s[1], bytes, 1));
    struct pollfd p = {s[1], POLLIN | POLLOUT, 0};
    VALUE(poll(&p, 1, 0));
    printf("%#x\n", p.revents);
    close(s[1]);
    VALUE(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    VALUE(send(s[0], "first", 5, 0));
    VALUE(send(s[0], "second", 6, 0));
    VALUE(recv(s[1], bytes, 3, 0));
    VALUE(recv(s[1], bytes, 64, 0));
    printf("%.6s\n", bytes);
    VALUE(recv(s[1], bytes, 64, MSG_DONTWAIT));
    close(s[0]);
    VALUE(send(s[1], "x", 1, 0));
    VALUE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    send(s[0], "one", 3, 0);
    send(s[0], "two", 3, 0);
    VALUE(recv(s[1], bytes, 64, 0));
    close(s[0]);
    VALUE(recv(s[1], bytes, 64, 0));
    VALUE(recv(s[1], bytes, 64, 0));
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    VALUE(getsockname(s[1], (void *)&name, &length));
    VALUE(length);
}
