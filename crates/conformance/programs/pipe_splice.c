// build: glibc musl
#include "conformance.h"
#include <sys/socket.h>

static void show(int fd) {
    char buffer[64] = "";
    ssize_t got = read(fd, buffer, sizeof buffer - 1);
    printf("read %zd '%s'\n", got, got > 0 ? buffer : "");
}

// File to pipe, pipe to file, pipe to pipe, socket to pipe and back.
int main(void) {
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600)), copy = MUST(open("copy", O_CREAT | O_RDWR, 0600));
    MUST(write(file, "0123456789abcdef", 16));
    int p[2], q[2], s[2];
    MUST(pipe2(p, O_NONBLOCK));
    MUST(pipe2(q, O_NONBLOCK));
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
    loff_t at = 4;
    VALUE(splice(file, &at, p[1], NULL, 5, 0));
    VALUE(at);
    VALUE(lseek(file, 0, SEEK_CUR));
    VALUE(splice(file, NULL, p[1], NULL, 5, 0));
    MUST(lseek(file, 10, SEEK_SET));
    VALUE(splice(file, NULL, p[1], NULL, 100, SPLICE_F_MOVE | SPLICE_F_MORE));
    VALUE(lseek(file, 0, SEEK_CUR));
    VALUE(splice(p[0], NULL, q[1], NULL, 4, 0));
    show(q[0]);
    at = 3;
    VALUE(splice(p[0], NULL, copy, &at, 4, 0));
    VALUE(at);
    VALUE(splice(p[0], NULL, copy, NULL, 2, 0));
    VALUE(lseek(copy, 0, SEEK_CUR));
    VALUE(lseek(copy, 0, SEEK_END));
    show(p[0]);
    VALUE(splice(p[0], NULL, copy, NULL, 4, SPLICE_F_NONBLOCK));
    MUST(write(s[0], "over the socket", 15));
    VALUE(splice(s[1], NULL, p[1], NULL, 100, 0));
    VALUE(splice(p[0], NULL, s[1], NULL, 4, 0));
    show(s[0]);
    show(p[0]);
    VALUE(splice(s[1], NULL, p[1], NULL, 100, 0));
    MUST(close(p[1]));
    VALUE(splice(p[0], NULL, copy, NULL, 4, 0));
    VALUE(splice(file, NULL, copy, NULL, 0, 0));
    MUST(close(q[0]));
    signal(SIGPIPE, SIG_IGN);
    MUST(lseek(file, 0, SEEK_SET));
    VALUE(splice(file, NULL, q[1], NULL, 4, 0));
}
