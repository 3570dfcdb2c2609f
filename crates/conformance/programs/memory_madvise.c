// build: glibc musl
#include "conformance.h"

int main(void) {
    char *p = mmap(NULL, 8 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'a', 8 << 12);
    VALUE(madvise(p + 4096, 4096, MADV_DONTNEED));
    FACT(p[0] == 'a' && p[4096] == 0 && p[8191] == 0 && p[8192] == 'a');
    VALUE(madvise(p, 8 << 12, MADV_WILLNEED));
    VALUE(madvise(p, 8 << 12, MADV_NORMAL));
    VALUE(madvise(p, 8 << 12, MADV_RANDOM));
    VALUE(madvise(p, 8 << 12, MADV_SEQUENTIAL));
    VALUE(madvise(p, 8 << 12, MADV_DONTDUMP));
    VALUE(madvise(p, 8 << 12, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
    VALUE(madvise(p, 8 << 12, MADV_FREE));
    p[0] = 'b';
    FACT(p[0] == 'b');
    VALUE(madvise(p + 1, 4096, MADV_DONTNEED));
    VALUE(madvise(p, 4096, 12345));
    VALUE(madvise(p, 0, MADV_DONTNEED));
    munmap(p + 4096, 4096);
    VALUE(madvise(p, 3 << 12, MADV_DONTNEED));
    FACT(p[8192] == 0);
    unsigned char resident[2] = {9, 9};
    p[0] = 1;
    VALUE(mincore(p, 4096, resident));
    FACT(resident[0] & 1);
    VALUE(mincore(p, 8192, resident));
    VALUE(mincore(p + 1, 4096, resident));
    VALUE(mlock(p, 4096));
    VALUE(munlock(p, 4096));
    VALUE(msync(p, 4096, MS_SYNC));
    VALUE(msync(p, 4096, MS_SYNC | MS_ASYNC));
    VALUE(msync(p, 8192, MS_SYNC));
}
