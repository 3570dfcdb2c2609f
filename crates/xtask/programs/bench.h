// What the measured programs share: a clock, and lines `NAME NANOSECONDS`.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

// The quickest of BATCHES batches of COUNT times EXPRESSION, divided by COUNT: what disturbs a batch only makes it longer.
#define MEASURE(name, batches, count, expression) do { \
    double best_ = 1e18; \
    for (int batch_ = 0; batch_ < (batches); batch_++) { \
        double start_ = now_ns(); \
        for (long i_ = 0; i_ < (count); i_++) { expression; } \
        double took_ = now_ns() - start_; \
        if (took_ < best_) best_ = took_; \
    } \
    printf("%s %.1f\n", name, best_ / (count)); \
} while (0)
