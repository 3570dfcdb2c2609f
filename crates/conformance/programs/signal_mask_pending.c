// build: glibc musl
#include "conformance.h"

static int order[16], values[16], filled;
static void on(int signal, siginfo_t *info, void *context) {
    values[filled] = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;
    order[filled++] = signal >= SIGRTMIN ? 100 + signal - SIGRTMIN : signal;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigset_t all, old, pending;
    sigfillset(&all);
    for (int i = 0; i < 3; i++) sigaction(SIGRTMIN + i, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    VALUE(sigprocmask(SIG_SETMASK, &all, &old));
    union sigval value = {0};
    // Ordinary ones do not queue; real-time ones do, lowest number first, then oldest first.
    raise(SIGTERM);
    raise(SIGUSR1);
    raise(SIGUSR1);
    value.sival_int = 1;
    sigqueue(getpid(), SIGRTMIN + 2, value);
    value.sival_int = 2;
    sigqueue(getpid(), SIGRTMIN, value);
    value.sival_int = 3;
    sigqueue(getpid(), SIGRTMIN, value);
    sigpending(&pending);
    FACT(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGTERM) && sigismember(&pending, SIGRTMIN));
    FACT(!sigismember(&pending, SIGUSR2));
    VALUE(filled);
    sigprocmask(SIG_SETMASK, &old, NULL);
    for (int i = 0; i < filled; i++) printf("%d:%d ", order[i], values[i]);
    printf("\n");
    sigset_t now;
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigprocmask(SIG_BLOCK, NULL, &now);
    FACT(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGUSR1));
    VALUE(syscall(SYS_rt_sigprocmask, 99, &all, NULL, 8));
    VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 16));
    // Ignored while pending: gone.
    filled = 0;
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    FACT(!sigismember(&pending, SIGUSR1));
}
