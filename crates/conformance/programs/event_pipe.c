// build: glibc musl pie
#include "conformance.h"

int main(void) {
    int p[2];
    char bytes[64];
    signal(SIGPIPE, SIG_IGN);
    VALUE(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    FACT(fcntl(p[0], F_GETFL) == O_NONBLOCK && fcntl(p[1], F_GETFL) == (O_NONBLOCK | O_WRONLY));
    FACT(fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    VALUE(read(p[0], bytes, 8));
    VALUE(write(p[1], "hello", 5));
    VALUE(read(p[0], bytes, 2));
    VALUE(read(p[0], bytes, 64));
    VALUE(write(p[0], "x", 1));
    VALUE(read(p[1], bytes, 1));
    VALUE(fcntl(p[1], F_GETPIPE_SZ));
    static char page[4096];
    int pages = 0;
    while (write(p[1], page, 4096) == 4096) pages++;
    printf("%d pages, then %s\n", pages, error_name(errno));
    VALUE(write(p[1], "x", 1));
    VALUE(read(p[0], page, 4095));
    // PIPE_BUF is atomic: no room for a page yet.
    VALUE(write(p[1], page, 4096));
    VALUE(read(p[0], page, 1));
    VALUE(write(p[1], page, 4096));
    VALUE(lseek(p[0], 0, SEEK_SET));
    VALUE(pread(p[0], bytes, 1, 0));
    VALUE(ftruncate(p[1], 0));
    VALUE(close(p[0]));
    VALUE(write(p[1], "x", 1));
    VALUE(write(p[1], "x", 0));
    close(p[1]);
    VALUE(pipe2(p, 0x8));
    MUST(pipe(p));
    close(p[1]);
    VALUE(read(p[0], bytes, 8));
    struct stat status;
    fstat(p[0], &status);
    FACT(S_ISFIFO(status.st_mode));
}
