// build: glibc musl
#include "conformance.h"
#include <ucontext.h>

static volatile siginfo_t got;
static volatile int has_context;
static void on(int signal, siginfo_t *info, void *context) {
    got = *info;
    ucontext_t *u = context;
    has_context = u && u->uc_mcontext.gregs[REG_RSP] != 0 && u->uc_mcontext.gregs[REG_RIP] != 0;
}

static void show(const char *what) {
    printf("%s: signal %d, code %d, mine %d, context %d\n", what, got.si_signo, got.si_code,
           got.si_pid == getpid() && got.si_uid == getuid(), has_context);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    kill(getpid(), SIGUSR1);
    show("kill");
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    show("tgkill");
    raise(SIGUSR1);
    show("raise");
    pthread_kill(pthread_self(), SIGUSR1);
    show("pthread_kill");
    union sigval value = {.sival_int = 123};
    VALUE(sigqueue(getpid(), SIGRTMIN, value));
    show("sigqueue");
    VALUE(got.si_value.sival_int);
    VALUE(sigqueue(getpid(), 70, value));
    VALUE(syscall(SYS_tgkill, getpid(), 0x3ffffffe, SIGUSR1));
    VALUE(syscall(SYS_tgkill, -1, gettid(), SIGUSR1));
    VALUE(syscall(SYS_tkill, 0, SIGUSR1));
}
