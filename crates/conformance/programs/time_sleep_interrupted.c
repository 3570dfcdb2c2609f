// build: glibc musl
#include "conformance.h"
#include <sys/time.h>

static void nothing(int signal) {}

int main(void) {
    signal(SIGALRM, nothing);
    struct itimerval soon = {{0, 0}, {0, 30000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timespec rest = {100, 0}, left = {0, 0};
    VALUE(nanosleep(&rest, &left));
    FACT(left.tv_sec == 99 && left.tv_nsec > 0);
    // A handler with SA_RESTART does not restart a sleep.
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    VALUE(nanosleep(&rest, &left));
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 100;
    RETURNS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
    setitimer(ITIMER_REAL, &soon, NULL);
    FACT(sleep(100) >= 99);
    setitimer(ITIMER_REAL, &soon, NULL);
    VALUE(pause());
}
