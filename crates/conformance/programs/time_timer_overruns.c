// A timer that expires more often than anybody could look counts every expiration.
#include "conformance.h"

static long overruns(long interval) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_t timer;
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec every = {{0, interval}, {0, interval}};
    double start = monotonic();
    MUST(timer_settime(timer, 0, &every, NULL));
    pause_ms(200);
    siginfo_t info;
    MUST(sigwaitinfo(&set, &info));
    double span = monotonic() - start;
    long count = timer_getoverrun(timer), due = (long)(span * 1e9 / interval);
    printf("every %ld ns: ", interval);
    printf("%s\n", count > due * 9 / 10 && count <= due ? "all counted" : "wrong");
    FACT(info.si_overrun <= count && info.si_overrun > due * 9 / 10);
    MUST(timer_delete(timer));
    return count;
}

int main(void) {
    overruns(1000000);
    overruns(10000);
    overruns(100);
    return 0;
}
