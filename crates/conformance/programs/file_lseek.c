// build: glibc musl
#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    write(fd, "0123456789", 10);
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(lseek(fd, -3, SEEK_END));
    VALUE(lseek(fd, -3, SEEK_CUR));
    VALUE(lseek(fd, -10, SEEK_CUR));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(lseek(fd, 100, SEEK_SET));
    char byte;
    VALUE(read(fd, &byte, 1));
    VALUE(write(fd, "x", 1));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(lseek(fd, 0, 99));
    VALUE(lseek(99, 0, SEEK_SET));
    VALUE(lseek(fd, LONG_MAX, SEEK_CUR));
    VALUE(lseek(fd, 101, SEEK_DATA));
    VALUE(lseek(fd, 101, SEEK_HOLE));
    VALUE(lseek(fd, 50, SEEK_HOLE) >= 50);
    VALUE(pread(fd, &byte, 1, -1));
    VALUE(pwrite(fd, &byte, 1, -1));
    VALUE(pread(fd, &byte, 1, 1000));
    // Descriptors that were duplicated share the position; those opened twice do not.
    int copy = dup(fd), other = MUST(open("file", O_RDONLY));
    lseek(fd, 4, SEEK_SET);
    VALUE(lseek(copy, 0, SEEK_CUR));
    VALUE(lseek(other, 0, SEEK_CUR));
}
