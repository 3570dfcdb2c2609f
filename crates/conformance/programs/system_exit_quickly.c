#include "conformance.h"

static void last(void) { printf("not reached\n"); }

int main(void) {
    atexit(last);
    printf("line\n");
    printf("half a line");
    fflush(stdout);
    _exit(255);
}
