// build: glibc musl
#include "conformance.h"

static int handled;
static void on(int signal) { handled = signal; }

int main(void) {
    sigset_t block, none, set;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    signal(SIGUSR1, on);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    VALUE(sigsuspend(&none));
    FACT(handled == SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &set);
    FACT(sigismember(&set, SIGUSR1));
    siginfo_t info;
    union sigval value = {.sival_int = 9};
    sigqueue(getpid(), SIGUSR2, value);
    FACT(sigwaitinfo(&block, &info) == SIGUSR2);
    printf("code %d, value %d\n", info.si_code, info.si_value.sival_int);
    struct timespec limit = {0, 30000000}, none_left = {0, 0}, bad = {0, -1};
    double begin = monotonic();
    VALUE(sigtimedwait(&block, &info, &limit));
    FACT(monotonic() - begin >= 0.03);
    VALUE(sigtimedwait(&block, &info, &none_left));
    VALUE(sigtimedwait(&block, &info, &bad));
    raise(SIGUSR1);
    int got;
    RETURNS(sigwait(&block, &got));
    FACT(got == SIGUSR1);
    FACT(handled == SIGUSR1);
    raise(SIGUSR2);
    sigpending(&set);
    FACT(sigismember(&set, SIGUSR2));
    FACT(sigtimedwait(&block, NULL, &none_left) == SIGUSR2);
    sigpending(&set);
    FACT(!sigismember(&set, SIGUSR2));
}
