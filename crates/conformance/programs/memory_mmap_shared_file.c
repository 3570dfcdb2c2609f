#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    MUST(ftruncate(fd, 8192));
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    WORKS(p);
    if (p == MAP_FAILED) return 1;
    char *q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(p + 4096, "written through one mapping");
    printf("%s\n", q + 4096);
    char text[64] = "";
    pread(fd, text, 63, 4096);
    printf("%s\n", text);
    pwrite(fd, "by pwrite", 10, 0);
    printf("%s\n", q);
    VALUE(msync(p, 8192, MS_SYNC));
    VALUE(munmap(p, 8192));
    pread(fd, text, 63, 4096);
    printf("%s\n", text);
}
