// build: glibc musl
#include "conformance.h"

int main(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *p = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    memset(p, 'a', 5 * 4096);
    char *q = mmap(p + 2 * 4096, 4096, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0);
    FACT(q == p + 2 * 4096);
    for (int i = 0; i < 5; i++) printf("page %d begins with %d\n", i, p[i * 4096]);
    FACT(mmap(p + 1, 4096, PROT_READ, flags | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
    FACT(mmap(p, 4096, PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    FACT(p[0] == 'a');
    munmap(p + 4096, 4096);
    FACT(mmap(p + 4096, 4096, PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0) == p + 4096);
    FACT(mmap(p + 3 * 4096, 3 * 4096, PROT_READ, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    FACT(mmap((void *)0xffff800000000000, 4096, PROT_READ, flags | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
    // Over several areas at once.
    FACT(mmap(p, 5 * 4096, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == p);
    int sum = 0;
    for (int i = 0; i < 5 * 4096; i++) sum += p[i];
    printf("sum %d\n", sum);
}
