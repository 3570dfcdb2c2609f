// build: glibc musl
#include "conformance.h"

int main(void) {
    printf("last words\n");
    *(volatile int *)16 = 1;
    printf("not reached\n");
}
