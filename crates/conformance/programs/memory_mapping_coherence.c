// build: glibc musl
#include "conformance.h"

// One file, seen through two mappings, read and write: all the same bytes at once.
int main(void) {
    int fd = MUST(memfd_create("x", 0));
    const size_t size = 64 << 12;
    VALUE(ftruncate(fd, (off_t)size));
    unsigned char *a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *b = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    static unsigned char model[64 << 12], seen[64 << 12];
    unsigned state = 12345;
    int bad = 0;
    for (int round = 0; round < 2000; round++) {
        state = state * 1103515245 + 12345;
        size_t at = (state >> 8) % size, len = 1 + (state >> 4) % 9000;
        if (at + len > size) len = size - at;
        unsigned char value = (unsigned char)(state >> 16);
        switch (round % 4) {
        case 0: memset(a + at, value, len); memset(model + at, value, len); break;
        case 1: memset(seen, value, len); bad += pwrite(fd, seen, len, (off_t)at) != (ssize_t)len; memset(model + at, value, len); break;
        case 2: bad += pread(fd, seen, len, (off_t)at) != (ssize_t)len || memcmp(seen, model + at, len) != 0; break;
        case 3:
            // From the file's own mapping into the file, overlapping.
            if (at + len + 100 <= size) {
                bad += pwrite(fd, a + at, len, (off_t)(at + 100)) != (ssize_t)len;
                memmove(seen, model + at, len);
                // Page by page the file may change under the source; compare only where source and target do not meet.
                if (len <= 100) memcpy(model + at + 100, seen, len);
                else pread(fd, model, size, 0);
            }
            break;
        }
        bad += memcmp(b + at, model + at, len) != 0;
    }
    printf("bad %d\n", bad);
    FACT(memcmp(a, b, size) == 0 && memcmp(a, model, size) == 0);
    struct stat st;
    VALUE(fstat(fd, &st));
    VALUE(st.st_size);
}
