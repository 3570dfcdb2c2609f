// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2], p[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(pipe(p));
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &p[1], sizeof(int));
    MUST(sendmsg(s[0], &message, 0));
    close(p[1]);
    char byte;
    part = (struct iovec){&byte, 1};
    memset(control, 0, sizeof control);
    message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    VALUE(recvmsg(s[1], &message, MSG_CMSG_CLOEXEC));
    header = CMSG_FIRSTHDR(&message);
    FACT(header != NULL);
    if (!header) return 0;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    VALUE(write(fd, "through", 7));
    char bytes[16] = {0};
    VALUE(read(p[0], bytes, 16));
    printf("%s\n", bytes);
    FACT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}
