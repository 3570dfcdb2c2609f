#include "conformance.h"

// Areas that alternate cannot be joined; then they are joined again.
int main(void) {
    const int count = 2000;
    char *p = mmap(NULL, (size_t)count << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int bad = 0;
    for (int i = 0; i < count; i += 2) bad += mprotect(p + ((size_t)i << 12), 4096, PROT_READ) != 0;
    for (int i = 1; i < count; i += 2) p[(size_t)i << 12] = 1;
    for (int i = 0; i < count; i++) bad += p[(size_t)i << 12] != i % 2;
    printf("bad %d\n", bad);
    VALUE(mprotect(p, (size_t)count << 12, PROT_READ | PROT_WRITE));
    memset(p, 2, (size_t)count << 12);
    for (int i = 0; i < count; i += 3) bad += munmap(p + ((size_t)i << 12), 4096) != 0;
    for (int i = 0; i < count; i++) if (i % 3) bad += p[(size_t)i << 12] != 2;
    printf("bad %d\n", bad);
    VALUE(munmap(p, (size_t)count << 12));
}
