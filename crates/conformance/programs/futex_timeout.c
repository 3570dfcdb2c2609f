// build: glibc musl
#include "conformance.h"
#include "futex.h"

static int word;

static double timed(int op, struct timespec *limit) {
    double begin = monotonic();
    errno = 0;
    long result = syscall(SYS_futex, &word, op, 0, limit, NULL, FUTEX_BITSET_MATCH_ANY);
    printf("%ld %s\n", result, error_name(errno));
    return monotonic() - begin;
}

static struct timespec in_40_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    now.tv_nsec += 40000000;
    if (now.tv_nsec >= 1000000000) now.tv_sec++, now.tv_nsec -= 1000000000;
    return now;
}

int main(void) {
    struct timespec relative = {0, 40000000};
    double took = timed(FUTEX_WAIT_PRIVATE, &relative);
    FACT(took >= 0.04 && took < 5);
    struct timespec limit = in_40_ms(CLOCK_MONOTONIC);
    took = timed(FUTEX_WAIT_BITSET_PRIVATE, &limit);
    FACT(took >= 0.039 && took < 5);
    limit = in_40_ms(CLOCK_REALTIME);
    took = timed(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, &limit);
    FACT(took >= 0.039 && took < 5);
    struct timespec past = {1, 0};
    FACT(timed(FUTEX_WAIT_BITSET_PRIVATE, &past) < 1);
    FACT(timed(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, &past) < 1);
}
