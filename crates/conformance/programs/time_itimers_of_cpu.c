#include "conformance.h"
#include <sys/time.h>

static atomic_int virtuals, profs;

static void handler(int signal) {
    if (signal == SIGVTALRM) virtuals++;
    else profs++;
}

static void try(const char *name, int which, atomic_int *count) {
    printf("%s\n", name);
    struct itimerval now, each = {{0, 20000}, {0, 30000}};
    VALUE(getitimer(which, &now));
    FACT(now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
    VALUE(setitimer(which, &each, NULL));
    pause_ms(80);
    FACT(*count == 0);
    while (*count < 3) {
    }
    struct itimerval off = {0}, before;
    VALUE(setitimer(which, &off, &before));
    printf("interval %ld.%06ld\n", (long)before.it_interval.tv_sec, (long)before.it_interval.tv_usec);
    FACT(before.it_value.tv_usec > 0 && before.it_value.tv_usec <= 30000);
    VALUE(getitimer(which, &now));
    FACT(now.it_value.tv_usec == 0);
    each.it_value.tv_usec = 1000000;
    VALUE(setitimer(which, &each, NULL));
}

// ITIMER_VIRTUAL and ITIMER_PROF count what the process uses, not what passes.
int main(void) {
    signal(SIGVTALRM, handler);
    signal(SIGPROF, handler);
    try("virtual", ITIMER_VIRTUAL, &virtuals);
    try("prof", ITIMER_PROF, &profs);
    // Both at once.
    struct itimerval once = {{0, 0}, {0, 40000}};
    virtuals = profs = 0;
    VALUE(setitimer(ITIMER_VIRTUAL, &once, NULL));
    VALUE(setitimer(ITIMER_PROF, &once, NULL));
    while (!virtuals || !profs) {
    }
    printf("%d %d\n", virtuals, profs);
    VALUE(setitimer(3, &once, NULL));
    VALUE(getitimer(-1, &once));
    VALUE(getitimer(ITIMER_PROF, (void *)8));
}
