// build: glibc musl
#include "conformance.h"

int main(void) {
    static unsigned char *blocks[512];
    static size_t sizes[512];
    unsigned seed = 12345, bad = 0;
    for (int round = 0; round < 20000; round++) {
        seed = seed * 1103515245 + 12345;
        unsigned slot = seed >> 16 & 511;
        if (blocks[slot]) {
            for (size_t i = 0; i < sizes[slot]; i += 97) bad += blocks[slot][i] != (unsigned char)slot;
            free(blocks[slot]);
            blocks[slot] = NULL;
        } else {
            size_t size = (seed >> 4 & 0xfff) << (seed >> 28);
            if (size > 1 << 20) size &= 0xfffff;
            blocks[slot] = malloc(size + 1);
            sizes[slot] = size;
            memset(blocks[slot], (int)slot, size);
        }
    }
    printf("bad bytes %u\n", bad);
    void *aligned;
    RETURNS(posix_memalign(&aligned, 1 << 21, 1 << 21));
    FACT((uintptr_t)aligned % (1 << 21) == 0);
}
