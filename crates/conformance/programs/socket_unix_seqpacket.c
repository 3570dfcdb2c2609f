// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    char bytes[64] = {0};
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    VALUE(send(s[0], "one", 3, 0));
    VALUE(send(s[0], "two and more", 12, MSG_EOR));
    VALUE(send(s[0], "", 0, 0));
    VALUE(recv(s[1], bytes, 64, MSG_PEEK));
    VALUE(recv(s[1], bytes, 64, 0));
    struct iovec parts[2] = {{bytes, 3}, {bytes + 8, 4}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    VALUE(recvmsg(s[1], &message, 0));
    printf("flags %#x '%.3s' '%.4s'\n", (unsigned)message.msg_flags, bytes, bytes + 8);
    VALUE(recv(s[1], bytes, 64, MSG_DONTWAIT));
    VALUE(recv(s[1], bytes, 64, MSG_DONTWAIT));
    VALUE(send(s[0], "last", 4, 0));
    VALUE(shutdown(s[0], SHUT_WR));
    VALUE(recv(s[1], bytes, 2, MSG_TRUNC));
    VALUE(recv(s[1], bytes, 64, 0));
    struct pollfd p = {s[1], POLLIN | POLLOUT | POLLRDHUP, 0};
    VALUE(poll(&p, 1, 0));
    printf("%#x\n", (unsigned)p.revents);
    signal(SIGPIPE, SIG_IGN);
    VALUE(send(s[0], "x", 1, 0));
    VALUE(send(s[1], "back", 4, 0));
    close(s[1]);
    VALUE(recv(s[0], bytes, 64, 0));
    VALUE(recv(s[0], bytes, 64, 0));
    VALUE(send(s[0], "x", 1, 0));
    // By name, with a backlog.
    int listener = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "packets"};
    VALUE(recv(listener, bytes, 64, MSG_DONTWAIT));
    VALUE(bind(listener, (void *)&name, sizeof name));
    VALUE(listen(listener, 1));
    int stream = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(connect(stream, (void *)&name, sizeof name));
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = MUST(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
        VALUE(connect(clients[i], (void *)&name, sizeof name));
    }
    int server = MUST(accept(listener, NULL, NULL));
    VALUE(send(clients[0], "hello", 5, 0));
    VALUE(recv(server, bytes, 64, 0));
    VALUE(connect(clients[2], (void *)&name, sizeof name));
    // Closed before it was accepted.
    close(listener);
    VALUE(recv(clients[1], bytes, 64, 0));
    VALUE(send(clients[1], "x", 1, 0));
    VALUE(connect(clients[1], (void *)&name, sizeof name));
}
