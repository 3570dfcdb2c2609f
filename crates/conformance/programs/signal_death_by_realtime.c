#include "conformance.h"

// The default action of a realtime signal.
int main(void) {
    printf("before\n");
    union sigval value = {0};
    sigqueue(getpid(), SIGRTMIN + 3, value);
    printf("not reached\n");
}
