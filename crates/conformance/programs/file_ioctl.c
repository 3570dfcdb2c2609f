// build: glibc musl
#include "conformance.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

static int waits(int fd) {
    int value = -7;
    int result = ioctl(fd, FIONREAD, &value);
    return result ? -errno : value;
}

int main(void) {
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600)), p[2], s[2], u[2], null = MUST(open("/dev/null", O_RDWR)), dir = MUST(open(".", O_RDONLY));
    MUST(pipe(p));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, u));
    MUST(write(file, "0123456789", 10));
    MUST(lseek(file, 3, SEEK_SET));
    MUST(write(p[1], "12345", 5));
    MUST(write(s[1], "123", 3));
    MUST(write(u[1], "1234", 4));
    MUST(write(u[1], "12", 2));
    printf("file %d pipe %d other end %d stream %d datagrams %d\n", waits(file), waits(p[0]), waits(p[1]), waits(s[0]), waits(u[0]));
    printf("null %s directory %s\n", error_name(-waits(null)), error_name(-waits(dir)));
    struct termios t;
    struct winsize w;
    int fds[] = {file, p[0], s[0], null, dir, 0, 1};
    for (int i = 0; i < 7; i++) {
        printf("%d: TCGETS %s", i, error_name(ioctl(fds[i], TCGETS, &t) ? errno : 0));
        printf(" TIOCGWINSZ %s", error_name(ioctl(fds[i], TIOCGWINSZ, &w) ? errno : 0));
        printf(" unknown %s tty %d\n", error_name(ioctl(fds[i], 0x12345678, &w) ? errno : 0), isatty(fds[i]));
    }
    int on = 1, off = 0;
    for (int i = 0; i < 4; i++) {
        VALUE(ioctl(fds[i], FIONBIO, &on));
        FACT(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        VALUE(ioctl(fds[i], FIONBIO, &off));
        FACT(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    }
    VALUE(ioctl(file, FIOCLEX));
    VALUE(fcntl(file, F_GETFD));
    VALUE(ioctl(file, FIONCLEX));
    VALUE(fcntl(file, F_GETFD));
    VALUE(ioctl(p[0], FIONBIO, (void *)8));
    VALUE(ioctl(p[0], FIONREAD, (void *)8));
    VALUE(ioctl(99, FIONREAD, &on));
    VALUE(ioctl(MUST(open("file", O_PATH)), FIONREAD, &on));
    FACT(ttyname(0) == NULL);
    VALUE(tcgetpgrp(p[0]));
    VALUE(open("/dev/tty", O_RDWR));
}
