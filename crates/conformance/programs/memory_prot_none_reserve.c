// build: glibc musl
#include "conformance.h"

// What Go, Java and allocators do: reserve gigabytes, then make parts usable.
int main(void) {
    const size_t size = (size_t)64 << 30;
    char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FACT(p != MAP_FAILED);
    char *middle = p + (size / 2);
    VALUE(mprotect(middle, 1 << 20, PROT_READ | PROT_WRITE));
    memset(middle, 5, 1 << 20);
    FACT(middle[(1 << 20) - 1] == 5);
    char *end = p + size - 4096;
    FACT(mmap(end, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == end);
    end[4095] = 1;
    VALUE(madvise(middle, 1 << 20, MADV_DONTNEED));
    FACT(middle[0] == 0);
    VALUE(mprotect(middle, 1 << 20, PROT_NONE));
    VALUE(munmap(p, size));
    FACT(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p);
    char *many[16];
    int got = 0;
    for (int i = 0; i < 16; i++) {
        many[i] = mmap(NULL, (size_t)8 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        got += many[i] != MAP_FAILED;
    }
    printf("%d reservations of 8 GiB\n", got);
}
