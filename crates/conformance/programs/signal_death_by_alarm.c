#include "conformance.h"
#include <sys/time.h>

int main(void) {
    printf("before\n");
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    for (;;) {
    }
}
