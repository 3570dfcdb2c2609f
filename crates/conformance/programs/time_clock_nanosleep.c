// build: glibc musl
#include "conformance.h"

static void sleep_until(clockid_t clock, const char *name) {
    struct timespec at, now;
    clock_gettime(clock, &at);
    at.tv_nsec += 30000000;
    if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    int result = clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL);
    clock_gettime(clock, &now);
    int reached = now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec);
    printf("%s: %s, reached: %s\n", name, error_name(result), reached ? "yes" : "no");
}

int main(void) {
    sleep_until(CLOCK_MONOTONIC, "MONOTONIC");
    sleep_until(CLOCK_REALTIME, "REALTIME");
    sleep_until(CLOCK_BOOTTIME, "BOOTTIME");
    struct timespec past = {1, 0}, bad = {0, -1}, short_time = {0, 1000};
    RETURNS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
    RETURNS(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL));
    RETURNS(clock_nanosleep(99, 0, &short_time, NULL));
    RETURNS(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &short_time, NULL));
    RETURNS(clock_nanosleep(CLOCK_REALTIME, 0, &short_time, NULL));
}
