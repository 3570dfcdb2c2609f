// build: glibc musl
#include "conformance.h"

static atomic_int seen;
static void on_signal(int signal) { seen = signal; }

int main(void) {
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    signal(SIGUSR1, on_signal);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    struct timespec limit = {0, 20000000}, none_left = {0, 0};
    VALUE(ppoll(NULL, 0, &limit, NULL));
    VALUE(seen);
    VALUE(ppoll(NULL, 0, NULL, &none));
    FACT(seen == SIGUSR1);
    VALUE(ppoll(NULL, 0, &none_left, &none));
    struct timespec bad = {0, 2000000000};
    VALUE(ppoll(NULL, 0, &bad, NULL));
    raise(SIGUSR1);
    // Something is ready: the descriptor is reported, the signal comes after.
    int pipes[2];
    MUST(pipe(pipes));
    write(pipes[1], "x", 1);
    struct pollfd p = {pipes[0], POLLIN, 0};
    seen = 0;
    VALUE(ppoll(&p, 1, NULL, &block));
    VALUE(seen);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    FACT(sigismember(&now, SIGUSR1));
}
