// build: glibc musl
#include "conformance.h"

static int depth(int n) {
    volatile char room[1000];
    room[0] = (char)n;
    return n == 0 ? 0 : depth(n - 1) + 1 + room[0] * 0;
}

int main(void) {
    // 6 MiB of the main thread's 8 MiB.
    printf("%d\n", depth(6000));
    char *block = __builtin_alloca(1 << 20);
    memset(block, 1, 1 << 20);
    printf("%d\n", block[12345]);
}
