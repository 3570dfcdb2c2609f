// build: glibc musl pie
#include "conformance.h"
#include <sys/ioctl.h>
#include <sys/resource.h>

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    FACT(fd == 3);
    VALUE(dup(fd));
    VALUE(dup2(fd, 10));
    VALUE(dup2(fd, fd));
    VALUE(dup3(fd, fd, 0));
    VALUE(dup3(fd, 11, O_CLOEXEC));
    VALUE(fcntl(11, F_GETFD));
    VALUE(fcntl(10, F_GETFD));
    VALUE(dup3(fd, 12, 1));
    VALUE(dup2(99, 12));
    VALUE(dup2(fd, -1));
    VALUE(dup2(fd, 1 << 28));
    VALUE(dup(99));
    VALUE(fcntl(fd, F_DUPFD, 20));
    VALUE(fcntl(fd, F_DUPFD_CLOEXEC, 20));
    VALUE(fcntl(21, F_GETFD));
    VALUE(fcntl(fd, F_DUPFD, -1));
    VALUE(fcntl(fd, F_SETFD, FD_CLOEXEC));
    VALUE(fcntl(fd, F_GETFD));
    VALUE(fcntl(4, F_GETFD));
    FACT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    VALUE(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    FACT((fcntl(4, F_GETFL) & (O_APPEND | O_NONBLOCK)) == (O_APPEND | O_NONBLOCK));
    VALUE(fcntl(fd, 9999));
    VALUE(fcntl(99, F_GETFD));
    VALUE(close(4));
    VALUE(open("file", O_RDONLY));
    VALUE(syscall(SYS_close_range, 10, 30, 0));
    VALUE(fcntl(11, F_GETFD));
    VALUE(syscall(SYS_close_range, 30, 10, 0));
    VALUE(isatty(fd));
    VALUE(ioctl(fd, TCGETS, &fd));
    VALUE(ioctl(99, FIONBIO, &fd));
    struct rlimit limit = {16, 16};
    VALUE(setrlimit(RLIMIT_NOFILE, &limit));
    int last = 0, got;
    while ((got = dup(fd)) >= 0) last = got;
    printf("last %d, then %s\n", last, error_name(errno));
    int pipes[2];
    VALUE(pipe(pipes));
    VALUE(open("file", O_RDONLY));
    VALUE(fcntl(fd, F_DUPFD, 16));
    VALUE(dup2(fd, 16));
    close(15);
    VALUE(pipe(pipes));
    VALUE(dup(fd));
}
