// build: glibc musl
#include "conformance.h"

int main(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = mmap(NULL, 1 << 20, PROT_READ, flags, -1, 0);
    munmap(p, 1 << 20);
    char *q = mmap(p, 8192, PROT_READ, flags, -1, 0);
    FACT(q == p);
    char *r = mmap(p, 8192, PROT_READ, flags, -1, 0);
    FACT(r != p && r != MAP_FAILED);
    char *s = mmap(p + 0x10001, 4096, PROT_READ, flags, -1, 0);
    FACT(s == p + 0x10000);
    char *far = mmap((void *)0x123456789000, 4096, PROT_READ, flags, -1, 0);
    FACT(far == (void *)0x123456789000);
    char *low = mmap((void *)0x20000000, 4096, PROT_READ, flags, -1, 0);
    FACT(low == (void *)0x20000000);
    char *beyond = mmap((void *)0x7ffffffff000, 1 << 20, PROT_READ, flags, -1, 0);
    FACT(beyond != MAP_FAILED);
    char *outside = mmap((void *)0xffff800000000000, 4096, PROT_READ, flags, -1, 0);
    FACT(outside != MAP_FAILED);
}
