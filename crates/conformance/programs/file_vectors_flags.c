#include "conformance.h"

#ifndef RWF_APPEND
#define RWF_APPEND 16
#endif

static void show(int fd) {
    char buffer[64] = "";
    ssize_t got = pread(fd, buffer, 63, 0);
    printf("%zd '%s' at %ld\n", got, buffer, (long)lseek(fd, 0, SEEK_CUR));
}

// preadv2(2), pwritev2(2): their flags, and the position of the file.
int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    struct iovec out[2] = {{"abc", 3}, {"de", 2}};
    VALUE(pwritev2(fd, out, 2, 0, 0));
    show(fd);
    VALUE(pwritev2(fd, out, 2, -1, 0));
    show(fd);
    VALUE(pwritev2(fd, out, 1, 0, RWF_APPEND));
    show(fd);
    VALUE(pwritev2(fd, out, 1, -1, RWF_APPEND));
    show(fd);
    VALUE(pwritev2(fd, out, 1, 1, RWF_SYNC | RWF_DSYNC | RWF_HIPRI));
    show(fd);
    char a[4], b[40];
    struct iovec in[2] = {{a, 4}, {b, 40}};
    VALUE(preadv2(fd, in, 2, 0, 0));
    VALUE(preadv2(fd, in, 2, 2, RWF_HIPRI));
    VALUE(preadv2(fd, in, 2, -1, 0));
    VALUE(preadv2(fd, in, 2, 100, 0));
    VALUE(preadv2(fd, in, 2, -2, 0));
    VALUE(preadv2(fd, in, 2, 0, RWF_APPEND));
    VALUE(preadv2(fd, in, 2, 0, 0x1000));
    VALUE(pwritev2(fd, out, 2, 0, 0x1000));
    VALUE(preadv2(99, in, 2, 0, 0));
    int p[2];
    MUST(pipe(p));
    VALUE(preadv2(p[0], in, 2, -1, RWF_NOWAIT));
    VALUE(pwritev2(p[1], out, 2, -1, RWF_NOWAIT));
    VALUE(preadv2(p[0], in, 2, -1, RWF_NOWAIT));
    VALUE(preadv2(p[0], in, 2, 0, 0));
    MUST(close(p[1]));
    VALUE(preadv2(p[0], in, 2, -1, RWF_NOWAIT));
}
