// build: glibc musl
#include "conformance.h"

// Threads wake in the order of their times, not of their starts.
static atomic_int order[8], filled;
static struct timespec start;
static void *sleeper(void *argument) {
    long me = (long)argument;
    struct timespec at = start;
    at.tv_nsec += (8 - me) * 40000000;
    while (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    order[filled++] = (int)me;
    return NULL;
}

int main(void) {
    pthread_t threads[8];
    clock_gettime(CLOCK_MONOTONIC, &start);
    start.tv_nsec += 100000000;
    for (long i = 0; i < 8; i++) pthread_create(&threads[i], NULL, sleeper, (void *)i);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 8; i++) printf("%d ", order[i]);
    printf("\n");
}
