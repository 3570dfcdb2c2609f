// build: glibc musl
#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    struct iovec out[3] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    VALUE(writev(fd, out, 3));
    VALUE(pwritev(fd, out, 1, 20));
    char a[6] = {0}, b[100] = {0};
    struct iovec in[2] = {{a, 5}, {b, 99}};
    VALUE(preadv(fd, in, 2, 0));
    printf("%s|%s\n", a, b);
    VALUE(lseek(fd, 0, SEEK_CUR));
    lseek(fd, 4, SEEK_SET);
    VALUE(readv(fd, in, 2));
    printf("%s|%.4s\n", a, b);
    VALUE(pwritev(fd, out, 1, -5));
    VALUE(writev(fd, out, -1));
    VALUE(writev(fd, out, 1025));
    VALUE(writev(fd, out, 0));
    VALUE(writev(fd, NULL, 1));
    struct iovec bad[2] = {{a, 1}, {(void *)8, 1}};
    VALUE(writev(fd, bad, 2));
    struct iovec huge[2] = {{a, SSIZE_MAX}, {b, SSIZE_MAX}};
    VALUE(writev(fd, huge, 2));
    struct iovec negative = {a, (size_t)-1};
    VALUE(writev(fd, &negative, 1));
}
