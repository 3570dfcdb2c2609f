#include "conformance.h"

static void show(const char *what) {
    printf("%s:", what);
    for (int fd = 3; fd < 40; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0) printf(" %d%s", fd, flags & FD_CLOEXEC ? "c" : "");
    }
    printf("\n");
}

int main(void) {
    int null = MUST(open("/dev/null", O_RDWR));
    for (int fd = 4; fd < 24; fd++) MUST(dup2(null, fd));
    show("all");
    VALUE(syscall(SYS_close_range, 20, 22, 0));
    show("three less");
    VALUE(syscall(SYS_close_range, 10, 12, 4));
    show("three marked");
    VALUE(syscall(SYS_close_range, 15, 15, 2));
    VALUE(syscall(SYS_close_range, 16, ~0u, 6));
    show("marked to the end");
    VALUE(syscall(SYS_close_range, 100, 200, 0));
    VALUE(syscall(SYS_close_range, 9, 8, 0));
    VALUE(syscall(SYS_close_range, 8, 9, 1));
    VALUE(syscall(SYS_close_range, 8, 9, 8));
    show("unchanged");
    VALUE(syscall(SYS_close_range, 4, ~0u, 0));
    show("one left");
    // The lowest number is free again.
    VALUE(dup(null));
    // A pipe's other end learns of it.
    int ends[2];
    MUST(pipe(ends));
    VALUE(syscall(SYS_close_range, ends[1], ends[1], 0));
    char c;
    VALUE(read(ends[0], &c, 1));
}
