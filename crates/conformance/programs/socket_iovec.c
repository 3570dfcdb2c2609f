// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    tcp_pair(s);
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"three", 5}};
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 3};
    VALUE(sendmsg(s[0], &message, 0));
    VALUE(writev(s[0], out, 3));
    char a[4] = {0}, b[16] = {0};
    struct iovec in[2] = {{a, 3}, {b, 13}};
    message = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_flags = 99};
    VALUE(recvmsg(s[1], &message, MSG_WAITALL));
    printf("%s|%s|%d\n", a, b, message.msg_flags);
    message.msg_iovlen = 2000;
    VALUE(sendmsg(s[0], &message, 0));
    message.msg_iovlen = 0;
    VALUE(sendmsg(s[0], &message, 0));
    VALUE(syscall(SYS_recvmsg, s[0], NULL, 0));
    send(s[0], "xy", 2, 0);
    until_readable(s[1]);
    struct iovec bad = {(void *)8, 5};
    VALUE(readv(s[1], &bad, 1));
    VALUE(readv(s[1], in, -1));
    VALUE(readv(s[1], in, 0));
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    send(s[0], "z", 1, 0);
    VALUE(recvfrom(s[1], a, 1, MSG_WAITALL, (void *)&address, &length));
    // A connected stream gives no address.
    VALUE(length);
    VALUE(sendto(s[0], "q", 1, 0, (void *)&address, sizeof address) == 1 || errno == EISCONN);
}
