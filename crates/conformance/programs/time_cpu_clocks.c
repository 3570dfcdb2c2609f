// build: glibc musl
#include "conformance.h"
#include <sys/resource.h>
#include <sys/times.h>

static double cpu(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void) {
    double begin = cpu(CLOCK_PROCESS_CPUTIME_ID), mine = cpu(CLOCK_THREAD_CPUTIME_ID), wall = monotonic();
    pause_ms(100);
    FACT(cpu(CLOCK_PROCESS_CPUTIME_ID) - begin < 0.08);
    while (monotonic() - wall < 0.3) {
    }
    FACT(cpu(CLOCK_PROCESS_CPUTIME_ID) - begin > 0.01);
    FACT(cpu(CLOCK_THREAD_CPUTIME_ID) - mine > 0.01);
    FACT(cpu(CLOCK_PROCESS_CPUTIME_ID) - begin <= monotonic() - wall + 0.05);
    struct rusage used;
    VALUE(getrusage(RUSAGE_SELF, &used));
    FACT(used.ru_utime.tv_sec + used.ru_stime.tv_sec < 5);
    FACT(used.ru_maxrss > 0);
    VALUE(getrusage(RUSAGE_THREAD, &used));
    VALUE(getrusage(RUSAGE_CHILDREN, &used));
    VALUE(getrusage(55, &used));
    struct tms ticks;
    FACT(times(&ticks) != -1);
    FACT(ticks.tms_cutime == 0);
    FACT(sysconf(_SC_CLK_TCK) == 100);
    clockid_t clock;
    RETURNS(pthread_getcpuclockid(pthread_self(), &clock));
    FACT(cpu(clock) > 0);
}
