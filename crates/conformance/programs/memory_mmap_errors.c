// build: glibc musl
#include "conformance.h"

int main(void) {
    WORKS(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 77, 0));
    WORKS(syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1));
    WORKS(mmap(NULL, SIZE_MAX - 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    WORKS(mmap(NULL, (size_t)1 << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(munmap(p + 1, 4096));
    VALUE(munmap(p, 0));
    VALUE(munmap((void *)0xffff800000000000, 4096));
    VALUE(mprotect(p + 1, 4096, PROT_READ));
    VALUE(mprotect(p, 0, PROT_READ));
    VALUE(munmap(p + 4096, 4096));
    VALUE(mprotect(p, 8192, PROT_READ | PROT_WRITE));
    VALUE(mprotect(p, 4096, 0x40));
    int fd = open("file", O_CREAT | O_WRONLY, 0600);
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
    fd = open("file", O_RDONLY);
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    int pipes[2];
    MUST(pipe(pipes));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, pipes[0], 0));
}
