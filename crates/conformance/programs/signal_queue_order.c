// build: glibc musl
#include "conformance.h"

static int seen[64], values[64], count;

static void note(int signal, siginfo_t *info, void *context) {
    if (count < 64) {
        seen[count] = signal >= SIGRTMIN ? 100 + signal - SIGRTMIN : signal == SIGUSR1 ? 1 : signal == SIGUSR2 ? 2 : 3;
        values[count++] = info->si_code == SI_QUEUE ? info->si_value.sival_int : -info->si_code;
    }
}

static void queue(int signal, int value) {
    union sigval v = {.sival_int = value};
    MUST(sigqueue(getpid(), signal, v));
}

static void show(const char *what) {
    printf("%s:", what);
    for (int i = 0; i < count; i++) printf(" %d=%d", seen[i], values[i]);
    printf("\n");
    count = 0;
}

// Realtime signals queue with their values; those of one number keep their order; lower numbers are taken first; standard signals are one.
int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    // While one is handled, all others wait: the order of handling is the order of taking.
    sigfillset(&action.sa_mask);
    int all[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 5, SIGRTMAX};
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < 7; i++) {
        sigaction(all[i], &action, NULL);
        sigaddset(&set, all[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    queue(SIGRTMIN + 1, 10);
    queue(SIGRTMIN + 5, 20);
    queue(SIGRTMIN + 1, 11);
    queue(SIGUSR2, 30);
    queue(SIGUSR2, 31);
    queue(SIGRTMIN, 1);
    queue(SIGRTMIN + 1, 12);
    queue(SIGUSR1, 40);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    show("one thread");
    // Those of the thread come before those of the process.
    sigprocmask(SIG_BLOCK, &set, NULL);
    queue(SIGRTMIN, 1);
    queue(SIGUSR1, 2);
    pthread_kill(pthread_self(), SIGRTMIN + 1);
    pthread_kill(pthread_self(), SIGUSR2);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    show("thread and process");
    // Taken by waiting, in the same order.
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 3; i > 0; i--) queue(SIGRTMIN + 1, i);
    queue(SIGRTMIN, 9);
    siginfo_t info;
    for (int i = 0; i < 4; i++) {
        int signal = sigwaitinfo(&set, &info);
        printf("RTMIN+%d value %d code %d mine %d\n", signal - SIGRTMIN, info.si_value.sival_int, info.si_code == SI_QUEUE,
               info.si_pid == getpid());
    }
    struct timespec now = {0, 0};
    VALUE(sigtimedwait(&set, &info, &now));
    // What is ignored is forgotten, however many there are.
    queue(SIGRTMIN, 1);
    queue(SIGRTMIN, 2);
    queue(SIGRTMIN + 1, 3);
    signal(SIGRTMIN, SIG_IGN);
    sigset_t pending;
    sigpending(&pending);
    FACT(!sigismember(&pending, SIGRTMIN));
    FACT(sigismember(&pending, SIGRTMIN + 1));
    VALUE(sigqueue(getpid(), 65, (union sigval){0}));
    VALUE(sigqueue(getpid(), 0, (union sigval){0}));
    VALUE(sigqueue(0x3fffffff, SIGUSR1, (union sigval){0}));
}
