// Computing, in several ways: in registers, in the caches, in more memory than the caches hold, and in fresh memory.
#include "bench.h"
#include <stdint.h>
#include <sys/mman.h>

static volatile uint64_t sink;

// A hash of words: nothing but registers.
static void hash(void) {
    uint64_t h = 14695981039346656037u;
    for (uint64_t i = 0; i < 2000000; i++) h = (h ^ i) * 1099511628211u;
    sink = h;
}

#define N 256
static double a[N][N], b[N][N], c[N][N];

static void matrix(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) c[i][j] = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
    sink = (uint64_t)c[1][1];
}

static int ascending(const void *x, const void *y) {
    uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;
    return (p > q) - (p < q);
}

#define WORDS (1 << 14)
static uint32_t words[WORDS];

static void sort(void) {
    uint32_t x = 2463534242;
    for (int i = 0; i < WORDS; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        words[i] = x;
    }
    qsort(words, WORDS, sizeof *words, ascending);
    sink = words[WORDS / 2];
}

// Follows a random cycle through 32 MiB, each time a bit further: a cache and a TLB miss at each step.
#define LINKS (1 << 22)
static uint64_t *links;

static void chase(void) {
    static uint64_t at;
    for (int i = 0; i < 20000; i++) at = links[at];
    sink = at;
}

static void make_links(void) {
    links = malloc(LINKS * sizeof *links);
    for (uint64_t i = 0; i < LINKS; i++) links[i] = i;
    uint64_t x = 88172645463325252u;
    for (uint64_t i = LINKS - 1; i > 0; i--) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t j = x % i, t = links[i];
        links[i] = links[j], links[j] = t;
    }
}

// Reads and writes 64 MiB in order.
#define STREAM (32 << 20)
static void stream(void) {
    static char *from, *to;
    if (!from) {
        from = malloc(STREAM), to = malloc(STREAM);
        memset(from, 1, STREAM);
    }
    memcpy(to, from, STREAM);
    sink = to[STREAM / 2];
}

static void small_blocks(void) {
    static void *blocks[1024];
    uint32_t x = 2463534242;
    for (int i = 0; i < 30000; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        void **slot = &blocks[x % 1024];
        free(*slot);
        *slot = malloc(16 + x % 2000);
        *(char *)*slot = 1;
    }
    sink = (uintptr_t)blocks[0];
}

// Memory that is asked for, touched and given back: page faults and nothing else.
#define FRESH (2 << 20)
static void fresh_memory(void) {
    char *memory = mmap(NULL, FRESH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < FRESH; i += 4096) memory[i] = 1;
    munmap(memory, FRESH);
}

// Memory that nobody had before, piece by piece: in a microVM the host has to find it, too.
static void first_touch(void) {
    static char *memory;
    if (!memory) memory = mmap(NULL, 50 * FRESH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < FRESH; i += 4096) memory[i] = 1;
    memory += FRESH;
}

int main(void) {
    // All three are touched together: with one of them touched after the links below, its pages lay anywhere in the caches' sets, and the time was 2.3 to 3.2 ms by luck,
    // on the host and in the guest.
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = i + j, b[i][j] = i - j, c[i][j] = 0;
    make_links();
    // Short batches: one of them gets through between two turns of whoever else uses the core.
    MEASURE("hash", 50, 1, hash());
    MEASURE("matrix", 50, 1, matrix());
    MEASURE("sort", 50, 1, sort());
    MEASURE("chase", 50, 1, chase());
    MEASURE("stream", 50, 1, stream());
    MEASURE("malloc", 50, 1, small_blocks());
    MEASURE("fresh_memory", 50, 1, fresh_memory());
    MEASURE("first_touch", 50, 1, first_touch());
    return 0;
}
