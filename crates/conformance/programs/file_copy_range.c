#include "conformance.h"

static void show(int fd) {
    char buffer[64] = "";
    ssize_t got = pread(fd, buffer, 63, 0);
    for (ssize_t i = 0; i < got; i++)
        if (!buffer[i]) buffer[i] = '.';
    printf("'%s' at %ld\n", buffer, (long)lseek(fd, 0, SEEK_CUR));
}

int main(void) {
    int from = MUST(open("from", O_CREAT | O_RDWR, 0600)), to = MUST(open("to", O_CREAT | O_RDWR, 0600));
    MUST(write(from, "0123456789", 10));
    MUST(lseek(from, 2, SEEK_SET));
    VALUE(copy_file_range(from, NULL, to, NULL, 4, 0));
    show(from);
    show(to);
    loff_t in = 1, out = 6;
    VALUE(copy_file_range(from, &in, to, &out, 3, 0));
    printf("%ld %ld\n", (long)in, (long)out);
    show(to);
    VALUE(copy_file_range(from, NULL, to, NULL, 100, 0));
    show(from);
    show(to);
    VALUE(copy_file_range(from, NULL, to, NULL, 100, 0));
    VALUE(copy_file_range(from, NULL, to, NULL, 0, 0));
    // Within one file, apart and overlapping.
    in = 0;
    out = 20;
    VALUE(copy_file_range(from, &in, from, &out, 5, 0));
    show(from);
    in = 0;
    out = 2;
    VALUE(copy_file_range(from, &in, from, &out, 5, 0));
    in = -1;
    VALUE(copy_file_range(from, &in, to, NULL, 5, 0));
    VALUE(copy_file_range(from, NULL, to, NULL, 5, 1));
    VALUE(copy_file_range(from, NULL, MUST(open("to", O_RDONLY)), NULL, 5, 0));
    VALUE(copy_file_range(MUST(open("from", O_WRONLY)), NULL, to, NULL, 5, 0));
    VALUE(copy_file_range(from, NULL, MUST(open("to", O_WRONLY | O_APPEND)), NULL, 5, 0));
    VALUE(copy_file_range(MUST(open(".", O_RDONLY)), NULL, to, NULL, 5, 0));
    VALUE(copy_file_range(99, NULL, to, NULL, 5, 0));
    VALUE(copy_file_range(from, (loff_t *)8, to, NULL, 5, 0));
    int p[2];
    MUST(pipe(p));
    VALUE(copy_file_range(from, NULL, p[1], NULL, 5, 0));
    // Large, with a hole in it.
    MUST(ftruncate(from, 0));
    static char block[100000];
    memset(block, 'x', sizeof block);
    MUST(pwrite(from, block, sizeof block, 0));
    MUST(pwrite(from, block, sizeof block, 1000000));
    in = out = 0;
    long total = 0, got;
    while ((got = copy_file_range(from, &in, to, &out, 1 << 20, 0)) > 0) total += got;
    VALUE(total);
    FACT(pread(to, block, 1, 500000) == 1 && block[0] == 0);
    FACT(pread(to, block, 1, 1099999) == 1 && block[0] == 'x');
}
