// build: glibc musl
#include "conformance.h"
#include <sys/ioctl.h>

// How much a pipe takes, and when a write waits, is cut or whole.
int main(void) {
    int p[2];
    MUST(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    VALUE(fcntl(p[0], F_GETPIPE_SZ));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 4096));
    VALUE(fcntl(p[0], F_GETPIPE_SZ));
    static char block[1 << 20];
    VALUE(write(p[1], block, 4000));
    VALUE(write(p[1], block, 200));
    struct pollfd w = {p[1], POLLOUT, 0}, r = {p[0], POLLIN, 0};
    VALUE(poll(&w, 1, 0));
    VALUE(read(p[0], block, 4000));
    VALUE(poll(&w, 1, 0));
    VALUE(poll(&r, 1, 0));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 65536));
    VALUE(write(p[1], block, sizeof block));
    VALUE(write(p[1], block, 1));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 4096));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
    VALUE(write(p[1], block, sizeof block) > 0);
    int waits = 0;
    ioctl(p[0], FIONREAD, &waits);
    VALUE(waits);
    ssize_t total = 0, got;
    while ((got = read(p[0], block, sizeof block)) > 0) total += got;
    VALUE(total == waits);
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 5000));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 0));
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(fcntl(file, F_GETPIPE_SZ));
    VALUE(fcntl(file, F_SETPIPE_SZ, 4096));
    VALUE(write(p[0], "x", 1));
    VALUE(read(p[1], block, 1));
    VALUE(lseek(p[0], 0, SEEK_SET));
    VALUE(pread(p[0], block, 1, 0));
    VALUE(pwrite(p[1], block, 1, 0));
    VALUE(fsync(p[1]));
    VALUE(write(p[1], block, 0));
    VALUE(read(p[0], block, 0));
    VALUE(pipe2(p, 0x100));
    VALUE(pipe((int *)8));
    struct stat a, b;
    MUST(pipe(p));
    fstat(p[0], &a);
    fstat(p[1], &b);
    FACT(a.st_ino == b.st_ino && S_ISFIFO(a.st_mode));
    printf("%o\n", a.st_mode & 0777);
}
