// build: glibc musl pie
#include "conformance.h"

static void check(const char *name, clockid_t clock) {
    struct timespec last, now, step;
    if (clock_gettime(clock, &last)) {
        printf("%s: %s\n", name, error_name(errno));
        return;
    }
    int backwards = 0, bad = 0;
    for (int i = 0; i < 20000; i++) {
        clock_gettime(clock, &now);
        bad += now.tv_nsec < 0 || now.tv_nsec >= 1000000000;
        backwards += now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec);
        last = now;
    }
    int result = clock_getres(clock, &step);
    printf("%s: backwards %d, bad %d, resolution %s\n", name, backwards, bad,
           result == 0 && step.tv_sec == 0 && step.tv_nsec > 0 && step.tv_nsec <= 10000000 ? "ok" : "odd");
}

int main(void) {
    check("REALTIME", CLOCK_REALTIME);
    check("MONOTONIC", CLOCK_MONOTONIC);
    check("MONOTONIC_RAW", CLOCK_MONOTONIC_RAW);
    check("REALTIME_COARSE", CLOCK_REALTIME_COARSE);
    check("MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE);
    check("BOOTTIME", CLOCK_BOOTTIME);
    check("TAI", CLOCK_TAI);
    check("PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
    check("THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID);
    check("99", 99);
    struct timespec now, later;
    VALUE(clock_gettime(-1, &now) == 0);
    time_t seconds = time(NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    FACT(now.tv_sec - seconds <= 1 && now.tv_sec >= seconds);
    FACT(seconds > 1600000000);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    clock_gettime(CLOCK_MONOTONIC, &later);
    double apart = (double)(later.tv_sec - now.tv_sec) + (double)(later.tv_nsec - now.tv_nsec) / 1e9;
    FACT(apart >= 0 && apart < 1);
    clock_gettime(CLOCK_MONOTONIC, &now);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &later);
    apart = (double)(later.tv_sec - now.tv_sec) + (double)(later.tv_nsec - now.tv_nsec) / 1e9;
    FACT(apart >= 0 && apart < 1);
}
