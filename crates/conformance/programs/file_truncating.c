// build: glibc musl
#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600)), reading = MUST(open("file", O_RDONLY));
    struct stat st;
    char data[16];
    MUST(write(fd, "0123456789", 10));
    VALUE(ftruncate(fd, 4));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(ftruncate(fd, 8));
    VALUE(pread(reading, data, 16, 0));
    printf("%.4s %d%d%d%d\n", data, data[4], data[5], data[6], data[7]);
    // The position is past the end: writing leaves a hole.
    VALUE(write(fd, "x", 1));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(pread(fd, data, 16, 8));
    printf("%d %d %c\n", data[0], data[1], data[2]);
    VALUE(truncate("file", 1l << 40));
    stat("file", &st);
    VALUE(st.st_size);
    FACT(st.st_blocks < 100);
    VALUE(pread(fd, data, 16, (1l << 40) - 4));
    VALUE(pwrite(fd, "end", 3, (1l << 40) - 3));
    VALUE(truncate("file", 3));
    VALUE(truncate("file", 4096 * 3));
    int zero = 1;
    for (long at = 3; at < 4096 * 3; at += 1000) zero &= pread(fd, data, 1, at) == 1 && !data[0];
    FACT(zero);
    VALUE(ftruncate(reading, 0));
    VALUE(ftruncate(fd, -1));
    VALUE(truncate("file", -1));
    VALUE(truncate("missing", 0));
    VALUE(truncate(".", 0));
    VALUE(truncate("", 0));
    VALUE(ftruncate(99, 0));
    VALUE(ftruncate(MUST(open(".", O_RDONLY)), 0));
    int ends[2];
    MUST(pipe(ends));
    VALUE(ftruncate(ends[1], 0));
    VALUE(ftruncate(MUST(open("/dev/null", O_RDWR)), 0));
    MUST(symlink("file", "link"));
    VALUE(truncate("link", 5));
    fstat(fd, &st);
    VALUE(st.st_size);
    int again = MUST(open("link", O_WRONLY | O_TRUNC));
    fstat(fd, &st);
    VALUE(st.st_size);
}
