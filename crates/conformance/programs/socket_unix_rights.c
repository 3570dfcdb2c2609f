// build: glibc musl
#include "conformance.h"
#include "sockets.h"

// Sends `count` descriptors with `length` bytes.
static ssize_t send_fds(int to, const int *fds, int count, const char *bytes, size_t length) {
    char control[CMSG_SPACE(sizeof(int) * 300)] = {0};
    struct iovec part = {(void *)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
    return sendmsg(to, &message, MSG_NOSIGNAL);
}

// Receives up to `length` bytes with room for `count` descriptors; says what came, and gives the first descriptor.
static int receive(int from, size_t length, int count, int flags) {
    char control[CMSG_SPACE(sizeof(int) * 300)] = {0}, bytes[64] = {0};
    struct iovec part = {bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = count ? control : NULL, .msg_controllen = count ? CMSG_LEN(sizeof(int) * (size_t)count) : 0};
    errno = 0;
    ssize_t got = recvmsg(from, &message, flags | MSG_DONTWAIT);
    printf("recvmsg = %zd %s '%s', flags %#x, control %zu\n", got, error_name(errno), bytes, (unsigned)message.msg_flags, (size_t)message.msg_controllen);
    int first = -1;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); got >= 0 && h; h = CMSG_NXTHDR(&message, h)) {
        size_t fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        printf("  level %d type %d, %zu descriptors\n", h->cmsg_level, h->cmsg_type, fds);
        for (size_t i = 0; i < fds; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (i == 0) first = fd; else close(fd);
        }
    }
    return first;
}

int main(void) {
    int s[2], p[2], many[300];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(pipe(p));
    for (int i = 0; i < 300; i++) many[i] = p[1];
    // Bytes before and behind the ones with a descriptor.
    VALUE(write(s[0], "before", 6));
    VALUE(send_fds(s[0], &p[1], 1, "with", 4));
    VALUE(write(s[0], "behind", 6));
    int fd = receive(s[1], 60, 4, MSG_PEEK);
    FACT(fd >= 0 && fd != p[1]);
    VALUE(write(fd, "peeked", 6));
    close(fd);
    fd = receive(s[1], 60, 4, 0);
    VALUE(write(fd, "taken", 5));
    close(fd);
    receive(s[1], 60, 4, 0);
    receive(s[1], 60, 4, 0);
    // A part of them, then the rest.
    VALUE(send_fds(s[0], &p[1], 1, "abcdef", 6));
    close(receive(s[1], 2, 4, 0));
    receive(s[1], 60, 4, 0);
    // Too little room for all, for any, and no wish for any.
    VALUE(send_fds(s[0], many, 3, "x", 1));
    close(receive(s[1], 60, 2, 0));
    VALUE(send_fds(s[0], many, 3, "y", 1));
    receive(s[1], 60, 0, 0);
    VALUE(send_fds(s[0], many, 3, "z", 1));
    char bytes[16];
    VALUE(read(s[1], bytes, 16));
    // Limits and mistakes.
    VALUE(send_fds(s[0], many, 253, "m", 1));
    close(receive(s[1], 60, 253, 0));
    VALUE(send_fds(s[0], many, 254, "m", 1));
    many[1] = 9999;
    VALUE(send_fds(s[0], many, 3, "m", 1));
    VALUE(send_fds(s[0], &p[1], 1, "", 0));
    receive(s[1], 60, 4, 0);
    // The description outlives its descriptors while it is under way.
    int other[2];
    MUST(pipe(other));
    VALUE(send_fds(s[0], &other[1], 1, "w", 1));
    close(other[1]);
    struct pollfd waiting = {other[0], POLLIN, 0};
    VALUE(poll(&waiting, 1, 0));
    close(s[0]), close(s[1]);
    VALUE(poll(&waiting, 1, 0));
    FACT(waiting.revents == POLLHUP);
    // By datagrams and packets.
    for (int i = 0; i < 2; i++) {
        MUST(socketpair(AF_UNIX, i ? SOCK_SEQPACKET : SOCK_DGRAM, 0, s));
        VALUE(send_fds(s[0], &p[1], 1, "", 0));
        VALUE(send_fds(s[0], &p[1], 1, "long message", 12));
        fd = receive(s[1], 60, 4, MSG_CMSG_CLOEXEC);
        FACT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
        close(fd);
        close(receive(s[1], 4, 4, 0));
        receive(s[1], 60, 4, 0);
        close(s[0]), close(s[1]);
    }
    // Not over TCP.
    tcp_pair(s);
    VALUE(send_fds(s[0], &p[1], 1, "tcp", 3));
    until_readable(s[1]);
    receive(s[1], 60, 4, 0);
}
