// build: glibc musl
#include "conformance.h"

int main(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = mmap(NULL, 64 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);
    for (int i = 0; i < 64; i++) p[i << 12] = (char)i;
    char *q = mremap(p, 64 << 12, 16 << 12, 0);
    FACT(q == p);
    FACT(p[15 << 12] == 15);
    // The tail is free, so it can grow in place again; the pages come back as zeros.
    q = mremap(p, 16 << 12, 32 << 12, 0);
    FACT(q == p);
    FACT(p[15 << 12] == 15 && p[16 << 12] == 0);
    munmap(p + (32 << 12), 32 << 12);
    FACT(mmap(p + (32 << 12), 4096, PROT_READ, flags | MAP_FIXED, -1, 0) != MAP_FAILED);
    FACT(mremap(p, 32 << 12, 40 << 12, 0) == MAP_FAILED && errno == ENOMEM);
    q = mremap(p, 32 << 12, 4096 << 12, MREMAP_MAYMOVE);
    FACT(q != MAP_FAILED && q != p);
    FACT(q[15 << 12] == 15 && q[4095 << 12] == 0);
    char *place = mmap(NULL, 8 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);
    memset(place, 'z', 8 << 12);
    q[0] = 'q';
    char *r = mremap(q, 4 << 12, 4 << 12, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4096);
    FACT(r == place + 4096);
    FACT(place[0] == 'z' && place[4096] == 'q' && place[5 << 12] == 'z');
    WORKS(mremap(place + 1, 4096, 8192, MREMAP_MAYMOVE));
    WORKS(mremap(place, 4096, 0, MREMAP_MAYMOVE));
    WORKS(mremap((void *)0x3000, 4096, 8192, MREMAP_MAYMOVE));
    WORKS(mremap(place, 4096, 4096, MREMAP_FIXED, place + 8192));
    WORKS(mremap(place, 4096, 4096, 64));
    // realloc of large blocks is this call.
    char *block = malloc(8 << 20);
    memset(block, 3, 8 << 20);
    block = realloc(block, 32 << 20);
    FACT(block[0] == 3 && block[(8 << 20) - 1] == 3);
    block = realloc(block, 1 << 20);
    FACT(block[(1 << 20) - 1] == 3);
    free(block);
}
