// build: glibc musl
#include "conformance.h"

// What managed runtimes do: reserve far more than there is, and use parts of it.
int main(void) {
    const size_t gib = (size_t)1 << 30;
    // The JVM and V8: PROT_NONE, then parts by mprotect.
    char *heap = mmap(NULL, 256 * gib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FACT(heap != MAP_FAILED);
    int bad = 0;
    for (size_t i = 0; i < 64; i++) {
        char *at = heap + i * 4 * gib;
        bad += mprotect(at, 65536, PROT_READ | PROT_WRITE) != 0;
        at[0] = at[65535] = (char)i;
    }
    for (size_t i = 0; i < 64; i++) bad += heap[i * 4 * gib] != (char)i;
    printf("bad %d\n", bad);
    // The JVM commits by MAP_FIXED and uncommits by mapping PROT_NONE again.
    for (size_t i = 0; i < 64; i++) {
        char *at = heap + i * 4 * gib;
        bad += mmap(at, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at;
        bad += at[0] != 0;
        at[4096] = 1;
        bad += mmap(at, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != at;
    }
    printf("bad %d\n", bad);
    // Go: arenas of 64 MiB at hints, from PROT_NONE.
    char *hint = (char *)0xc000000000;
    char *arena = mmap(hint, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FACT(arena == hint);
    FACT(mmap(arena, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == arena);
    for (size_t i = 0; i < 64 << 20; i += 4 << 20) arena[i] = 1;
    VALUE(madvise(arena, 64 << 20, MADV_DONTNEED));
    bad = 0;
    for (size_t i = 0; i < 64 << 20; i += 4 << 20) bad += arena[i] != 0;
    printf("bad %d\n", bad);
    // An aligned reservation: too much, and the ends given back.
    char *loose = mmap(NULL, 8 * gib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *aligned = (char *)(((uintptr_t)loose + 4 * gib - 1) & ~(4 * gib - 1));
    if (aligned > loose) VALUE(munmap(loose, (size_t)(aligned - loose)) | 0);
    else VALUE(0 | 0);
    VALUE(munmap(aligned + 4 * gib, (size_t)(loose + 8 * gib - aligned - 4 * gib)) == 0 || errno == EINVAL);
    VALUE(mprotect(aligned, 4096, PROT_READ | PROT_WRITE));
    aligned[0] = 1;
    VALUE(munmap(heap, 256 * gib));
    FACT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == MAP_FAILED && errno == ENOMEM);
}
