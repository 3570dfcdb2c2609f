#include "conformance.h"
#include <sys/time.h>

static sigset_t set;
static atomic_int tid;

static void *waiter(void *unused) {
    tid = gettid();
    siginfo_t info;
    int signal = sigwaitinfo(&set, &info);
    return (void *)(intptr_t)(signal == SIGRTMIN ? info.si_value.sival_int : -signal);
}

static void nothing(int signal) {}

int main(void) {
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec short_time = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0};
    double before = monotonic();
    VALUE(sigtimedwait(&set, NULL, &short_time));
    FACT(monotonic() - before >= 0.02);
    VALUE(sigtimedwait(&set, NULL, &bad));
    VALUE(sigtimedwait(&set, NULL, &negative));
    VALUE(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 4));
    VALUE(syscall(SYS_rt_sigtimedwait, (void *)8, NULL, NULL, 8));
    // A blocked signal that is waited for never runs a handler.
    pthread_t thread;
    void *got;
    for (int round = 0; round < 3; round++) {
        tid = 0;
        pthread_create(&thread, NULL, waiter, NULL);
        while (!tid) sched_yield();
        until_asleep(tid);
        union sigval value = {.sival_int = 500 + round};
        if (round == 0) sigqueue(getpid(), SIGRTMIN, value);
        if (round == 1) pthread_sigqueue(thread, SIGRTMIN, value);
        if (round == 2) pthread_kill(thread, SIGUSR1);
        pthread_join(thread, &got);
        printf("round %d: %ld\n", round, round == 2 ? (long)((intptr_t)got == -SIGUSR1) : (long)(intptr_t)got);
    }
    // One that nobody waits for interrupts, if it has a handler.
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGUSR2, &action, NULL);
    struct itimerval soon = {.it_value = {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    VALUE(sigwaitinfo(&set, NULL));
    // sigwait(3) hides that.
    int signal = 0;
    raise(SIGUSR1);
    RETURNS(sigwait(&set, &signal));
    FACT(signal == SIGUSR1);
    // SIGKILL in the set is no mistake, and never comes.
    sigset_t all;
    sigfillset(&all);
    short_time.tv_nsec = 0;
    VALUE(sigtimedwait(&all, NULL, &short_time));
    // Directed at the thread, and then at the process.
    sigset_t pending;
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    FACT(sigtimedwait(&set, NULL, &short_time) == SIGUSR1);
    FACT(sigtimedwait(&set, NULL, &short_time) == SIGUSR1);
    VALUE(sigtimedwait(&set, NULL, &short_time));
}
