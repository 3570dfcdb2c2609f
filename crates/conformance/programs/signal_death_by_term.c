// build: glibc musl
#include "conformance.h"

int main(void) {
    printf("before\n");
    kill(getpid(), SIGTERM);
    printf("not reached\n");
}
