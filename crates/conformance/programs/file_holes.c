// build: glibc musl
#include "conformance.h"

static long size_of(int fd) {
    struct stat status;
    fstat(fd, &status);
    return (long)status.st_size;
}

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(ftruncate(fd, 100000));
    VALUE(size_of(fd));
    VALUE(pwrite(fd, "x", 1, 1 << 20));
    VALUE(size_of(fd));
    static char block[1 << 20];
    memset(block, 1, sizeof block);
    VALUE(pread(fd, block, sizeof block, 0));
    size_t nonzero = 0;
    for (size_t i = 0; i < sizeof block; i++) nonzero += block[i] != 0;
    printf("nonzero %zu\n", nonzero);
    VALUE(pread(fd, block, 10, 1 << 20));
    // What is cut off does not come back.
    VALUE(pwrite(fd, "abcdef", 6, 0));
    VALUE(ftruncate(fd, 3));
    VALUE(ftruncate(fd, 6));
    VALUE(pread(fd, block, 10, 0));
    printf("%d %d %d %d\n", block[2], block[3], block[4], block[5]);
    VALUE(truncate("file", 1));
    VALUE(size_of(fd));
    VALUE(ftruncate(fd, -1));
    VALUE(truncate("absent", 1));
    VALUE(truncate(".", 1));
    int reading = MUST(open("file", O_RDONLY));
    VALUE(ftruncate(reading, 1));
    VALUE(ftruncate(99, 1));
    VALUE(fallocate(fd, 0, 0, 5000));
    VALUE(size_of(fd));
    VALUE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000));
    VALUE(size_of(fd));
    VALUE(fallocate(fd, 0, -1, 10));
    VALUE(fallocate(fd, 0, 0, 0));
    VALUE(posix_fallocate(fd, 0, 6000));
    VALUE(fsync(fd));
    VALUE(fdatasync(fd));
    VALUE(fsync(99));
}
