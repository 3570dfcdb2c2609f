// build: glibc musl pie
#include "conformance.h"

int main(void) {
    const size_t size = 16 << 20;
    unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FACT(p != MAP_FAILED);
    FACT((uintptr_t)p % 4096 == 0);
    size_t bad = 0;
    for (size_t i = 0; i < size; i += 4096) {
        if (p[i]) bad++;
        p[i] = (unsigned char)(i >> 12);
    }
    for (size_t i = 0; i < size; i += 4096) {
        if (p[i] != (unsigned char)(i >> 12)) bad++;
    }
    printf("bad pages %zu\n", bad);
    VALUE(munmap(p, size));
    VALUE(munmap(p, size));
    char *q = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    q[4095] = 1;
    FACT(q[4094] == 0);
    VALUE(munmap(q, 1));
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FACT(shared != MAP_FAILED);
    shared[8191] = 7;
    FACT(shared[8191] == 7 && shared[0] == 0);
    char *filled = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    FACT(filled != MAP_FAILED && filled[65535] == 0);
}
