// build: glibc musl
#include "conformance.h"

int main(void) {
    printf("before\n");
    abort();
}
