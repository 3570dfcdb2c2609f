// build: glibc musl
#include "conformance.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static int resident(void *at, size_t pages) {
    unsigned char vector[64];
    if (mincore(at, pages << 12, vector) != 0) return -1;
    int count = 0;
    for (size_t i = 0; i < pages; i++) count += vector[i] & 1;
    return count;
}

// Which calls make pages present, and which take them away.
int main(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = mmap(NULL, 32 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);
    VALUE(madvise(p, 32 << 12, MADV_POPULATE_WRITE));
    VALUE(resident(p, 32));
    VALUE(madvise(p, 16 << 12, MADV_DONTNEED));
    VALUE(resident(p + (16 << 12), 16));
    VALUE(resident(p, 16));
    char *q = mmap(NULL, 32 << 12, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, -1, 0);
    VALUE(resident(q, 32));
    char *r = mmap(NULL, 32 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);
    VALUE(mlock(r, 32 << 12));
    VALUE(resident(r, 32));
    VALUE(madvise(r, 4096, MADV_DONTNEED));
    VALUE(madvise(r, 4096, MADV_FREE));
    VALUE(munlock(r, 4096));
    VALUE(madvise(r, 4096, MADV_DONTNEED));
    VALUE(madvise(r, 8192, MADV_DONTNEED));
    VALUE(syscall(SYS_mlock2, p, 4096, 2));
    VALUE(syscall(SYS_mlock2, p, 4096, 1));
    munmap(q + 4096, 4096);
    VALUE(mlock(q, 3 << 12));
    VALUE(madvise(q, 3 << 12, MADV_POPULATE_READ));
    char *none = mmap(NULL, 4096, PROT_NONE, flags, -1, 0);
    VALUE(madvise(none, 4096, MADV_POPULATE_READ));
    char *readonly = mmap(NULL, 4096, PROT_READ, flags, -1, 0);
    VALUE(madvise(readonly, 4096, MADV_POPULATE_WRITE));
    VALUE(madvise(readonly, 4096, MADV_POPULATE_READ));
    VALUE(mlockall(0));
    VALUE(mlockall(8));
    VALUE(mlockall(MCL_CURRENT | MCL_FUTURE));
    char *future = mmap(NULL, 8 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);
    VALUE(resident(future, 8));
    VALUE(msync(future, 4096, MS_SYNC | MS_INVALIDATE));
    VALUE(munlockall());
    // Pages of a file are in memory for all who map it.
    int fd = MUST(memfd_create("x", 0));
    VALUE(ftruncate(fd, 8 << 12));
    char *a = mmap(NULL, 8 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(NULL, 8 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    VALUE(resident(a, 8));
    a[0] = a[4096] = 1;
    VALUE(resident(b, 2));
    VALUE(madvise(b, 8 << 12, MADV_POPULATE_WRITE));
    VALUE(resident(a, 8));
    VALUE(madvise(a, 8 << 12, MADV_REMOVE));
    VALUE(resident(b, 8));
    VALUE(madvise(a, 9 << 12, MADV_POPULATE_READ) == -1);
    struct stat st;
    fstat(fd, &st);
    VALUE(st.st_blocks > 0);
}
