// build: glibc musl pie
#include "conformance.h"

static volatile sig_atomic_t count, last;
static void on(int signal) {
    count++;
    last = signal;
}

int main(void) {
    FACT(signal(SIGUSR1, on) == SIG_DFL);
    VALUE(raise(SIGUSR1));
    FACT(count == 1 && last == SIGUSR1);
    FACT(signal(SIGUSR1, SIG_IGN) == on);
    raise(SIGUSR1);
    VALUE(count);
    VALUE(kill(getpid(), 0));
    struct sigaction action = {.sa_handler = on, .sa_flags = SA_RESETHAND}, old;
    VALUE(sigaction(SIGUSR2, &action, NULL));
    raise(SIGUSR2);
    VALUE(sigaction(SIGUSR2, NULL, &old));
    FACT(old.sa_handler == SIG_DFL && count == 2);
    VALUE(sigaction(SIGKILL, &action, NULL));
    VALUE(sigaction(SIGSTOP, &action, NULL));
    VALUE(sigaction(65, &action, NULL));
    VALUE(sigaction(0, &action, NULL));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    VALUE(kill(getpid(), 65));
    VALUE(kill(0x3ffffffe, SIGUSR1));
    // What is ignored by default stays without effect.
    signal(SIGUSR1, on);
    VALUE(raise(SIGCHLD));
    VALUE(raise(SIGURG));
    VALUE(raise(SIGWINCH));
    VALUE(raise(SIGCONT));
    printf("alive\n");
}
