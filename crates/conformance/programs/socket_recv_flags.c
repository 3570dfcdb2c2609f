// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    char bytes[64] = {0};
    tcp_pair(s);
    VALUE(recv(s[1], bytes, 64, MSG_DONTWAIT));
    send(s[0], "abcdef", 6, 0);
    until_readable(s[1]);
    VALUE(recv(s[1], bytes, 3, MSG_PEEK));
    printf("%.3s\n", bytes);
    VALUE(recv(s[1], bytes, 2, 0));
    printf("%.2s\n", bytes);
    int waiting = 0;
    VALUE(ioctl(s[1], FIONREAD, &waiting));
    VALUE(waiting);
    VALUE(recv(s[1], bytes, 64, MSG_PEEK | MSG_DONTWAIT));
    VALUE(recv(s[1], NULL, 2, MSG_TRUNC));
    VALUE(recv(s[1], bytes, 64, 0));
    printf("%.2s\n", bytes);
    send(s[0], "12345", 5, 0);
    shutdown(s[0], SHUT_WR);
    VALUE(recv(s[1], bytes, 10, MSG_WAITALL));
    VALUE(recv(s[1], bytes, 0, 0));
    VALUE(recv(s[1], bytes, 10, MSG_OOB));
    tcp_pair(s);
    send(s[0], "more to come ", 13, MSG_MORE);
    send(s[0], "all", 3, 0);
    VALUE(recv(s[1], bytes, 16, MSG_WAITALL));
    VALUE(recv(s[1], bytes, 0, MSG_DONTWAIT));
    int on = 1;
    VALUE(ioctl(s[1], FIONBIO, &on));
    VALUE(recv(s[1], bytes, 1, 0));
    VALUE(recv(s[1], bytes, 1, MSG_WAITALL));
}
