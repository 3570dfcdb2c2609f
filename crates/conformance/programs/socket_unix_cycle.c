// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static void send_fd(int to, int fd) {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    MUST(sendmsg(to, &message, 0));
}

// Whether the last writer of a pipe is gone. Garbage is looked for when a socket is closed, and on Linux it may take a moment.
static int hung_up(int fd) {
    close(MUST(socket(AF_UNIX, SOCK_STREAM, 0)));
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 5000) == 1 && p.revents == POLLHUP;
}

int main(void) {
    // A socket in its own inbox, with a pipe's end beside it.
    int s[2], t[2], p[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(pipe(p));
    send_fd(s[0], s[1]);
    send_fd(s[0], p[1]);
    close(p[1]), close(s[0]), close(s[1]);
    FACT(hung_up(p[0]));
    // Two pairs in each other's inboxes.
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, t));
    MUST(pipe(p));
    send_fd(s[0], t[1]);
    send_fd(t[0], s[1]);
    send_fd(t[0], p[1]);
    close(p[1]), close(s[0]), close(s[1]), close(t[0]), close(t[1]);
    FACT(hung_up(p[0]));
    // The same, but one of them is still to be had: nothing may be lost.
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, t));
    send_fd(s[0], t[1]);
    send_fd(t[0], s[1]);
    close(s[0]), close(t[0]), close(t[1]);
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    VALUE(recvmsg(s[1], &message, 0));
    int got;
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    message.msg_controllen = sizeof control;
    VALUE(recvmsg(got, &message, 0));
    FACT(CMSG_FIRSTHDR(&message) != NULL);
    close(s[1]), close(got);
    // A long chain, each in the inbox of the next, let go at once.
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(pipe(p));
    send_fd(s[0], p[1]);
    close(p[1]), close(s[0]);
    int last = s[1];
    for (int i = 0; i < 2000; i++) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, t));
        send_fd(t[0], last);
        close(t[0]), close(last);
        last = t[1];
    }
    close(last);
    FACT(hung_up(p[0]));
    // Thousands of cycles leave room for more.
    for (int i = 0; i < 5000; i++) {
        MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
        send_fd(s[0], s[1]);
        send_fd(s[1], s[0]);
        close(s[0]), close(s[1]);
    }
    puts("cycles");
}
