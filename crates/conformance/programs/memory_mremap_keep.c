// build: glibc musl
#include "conformance.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

// (As system calls: glibc hands over an address only with MREMAP_FIXED.)
static char *remap(void *at, size_t old, size_t new, int flags, void *to) {
    return (char *)syscall(SYS_mremap, at, old, new, flags, to);
}

// MREMAP_DONTUNMAP moves the pages and leaves the range; and moves of shared mappings.
int main(void) {
    char *p = mmap(NULL, 4 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'p', 4 << 12);
    char *q = remap(p, 2 << 12, 2 << 12, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    FACT(q != MAP_FAILED && q != p);
    FACT(q[0] == 'p' && q[4096] == 'p');
    FACT(p[0] == 0 && p[4096] == 0 && p[8192] == 'p');
    p[0] = 'n';
    FACT(q[0] == 'p');
    WORKS(remap(p, 4096, 8192, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    WORKS(remap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, (void *)4097));
    WORKS(remap(p, 4096, 4096, MREMAP_DONTUNMAP, NULL));
    char *target = mmap(NULL, 4 << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *r = remap(q, 2 << 12, 2 << 12, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, target + 4096);
    FACT(r == target + 4096 && r[0] == 'p' && r[4096] == 'p' && q[0] == 0);
    int fd = MUST(memfd_create("x", 0));
    VALUE(ftruncate(fd, 4 << 12));
    char *s = mmap(NULL, 4 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int i = 0; i < 4; i++) s[i << 12] = (char)('0' + i);
    char *t = mremap(s + 4096, 2 << 12, 8 << 12, MREMAP_MAYMOVE);
    FACT(t != MAP_FAILED && t[0] == '1' && t[4096] == '2' && t[8192] == '3');
    t[0] = 'T';
    char byte;
    VALUE(pread(fd, &byte, 1, 4096));
    FACT(byte == 'T' && s[0] == '0' && s[3 << 12] == '3');
    char *u = mremap(s, 0, 4 << 12, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    FACT(u == target && u[4096] == 'T');
}
