#include "conformance.h"
#include <linux/falloc.h>

static int fd;

static void show(const char *what) {
    struct stat st;
    fstat(fd, &st);
    char data[64];
    ssize_t got = pread(fd, data, 40, 0);
    printf("%s: size %ld '", what, (long)st.st_size);
    for (ssize_t i = 0; i < got; i++) putchar(data[i] ? data[i] : '.');
    printf("'\n");
}

int main(void) {
    fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    MUST(write(fd, "0123456789abcdefghij", 20));
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5, 5));
    show("a hole");
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 15, 100));
    show("over the end");
    VALUE(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 2));
    show("zeros");
    VALUE(fallocate(fd, FALLOC_FL_ZERO_RANGE, 18, 7));
    show("zeros past the end");
    VALUE(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 20, 30));
    show("kept size");
    VALUE(fallocate(fd, 0, 0, 30));
    show("grown");
    VALUE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4000));
    show("kept again");
    VALUE(fallocate(fd, 0, 0, 10));
    show("never shrinks");
    RETURNS(posix_fallocate(fd, 30, 5));
    show("by the library");
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
    VALUE(fallocate(fd, 0, -1, 1));
    VALUE(fallocate(fd, 0, 0, 0));
    VALUE(fallocate(fd, 0, 0, -1));
    VALUE(fallocate(fd, 0x100, 0, 1));
    VALUE(fallocate(99, 0, 0, 1));
    VALUE(fallocate(MUST(open("file", O_RDONLY)), 0, 0, 1));
    int ends[2];
    MUST(pipe(ends));
    VALUE(fallocate(ends[1], 0, 0, 1));
    VALUE(fallocate(MUST(open("/dev/null", O_WRONLY)), 0, 0, 1));
    VALUE(fallocate(fd, 0, 0x7fffffffffffffff, 1));
    // Holes take no blocks, and are found.
    int sparse = MUST(open("sparse", O_CREAT | O_RDWR, 0600));
    static char block[65536];
    memset(block, 1, sizeof block);
    MUST(write(sparse, block, sizeof block));
    struct stat before, after;
    fstat(sparse, &before);
    VALUE(fallocate(sparse, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 16384, 32768));
    fstat(sparse, &after);
    FACT(after.st_size == 65536);
    FACT(pread(sparse, block, 1, 16384) == 1 && block[0] == 0);
    FACT(pread(sparse, block, 1, 16383) == 1 && block[0] == 1);
    FACT(pread(sparse, block, 1, 49152) == 1 && block[0] == 1);
}
