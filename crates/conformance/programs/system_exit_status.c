// build: glibc musl pie
#include "conformance.h"

static void last(void) { printf("at exit\n"); }

int main(void) {
    atexit(last);
    printf("leaving\n");
    exit(0x1234 + 3);
}
