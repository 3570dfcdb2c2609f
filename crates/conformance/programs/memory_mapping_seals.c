// build: glibc musl
#include "conformance.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

// Seals and mappings (fcntl(2), "File Sealing").
int main(void) {
    int fd = MUST(memfd_create("x", MFD_ALLOW_SEALING));
    VALUE(ftruncate(fd, 8192));
    char *w = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(w, "sealed");
    VALUE(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    VALUE(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    w[1] = 'E';
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *r = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    FACT(r != MAP_FAILED && strcmp(r, "sEaled") == 0);
    VALUE(mprotect(r, 4096, PROT_READ | PROT_WRITE));
    VALUE(munmap(w, 8192));
    VALUE(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    VALUE(pwrite(fd, "x", 1, 0));
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    FACT(p != MAP_FAILED);
    p[0] = 'p';
    FACT(r[0] == 's');
    VALUE(fcntl(fd, F_GET_SEALS));
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}
