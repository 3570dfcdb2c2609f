// build: glibc musl
#include "conformance.h"

static int depth, deepest, calls;

static void again(int signal) {
    calls++;
    if (++depth > deepest) deepest = depth;
    if (calls < 4) raise(signal);
    depth--;
}

static void install(int signal, int flags, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    MUST(sigaction(signal, &action, NULL));
}

static void run(const char *what, int flags) {
    depth = deepest = calls = 0;
    install(SIGUSR1, flags, again);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("%s: calls %d deepest %d, then %s, flags %d%d%d\n", what, calls, deepest, now.sa_handler == SIG_DFL ? "default" : "handler",
           !!(now.sa_flags & SA_NODEFER), !!(now.sa_flags & SA_RESETHAND), !!(now.sa_flags & SA_RESTART));
}

static volatile int inner, outer;

static void second(int signal) { inner = outer; }

static void first(int signal) {
    outer = 1;
    raise(SIGUSR2);
    outer = 2;
}

// SA_NODEFER, SA_RESETHAND, sa_mask, and what sigaction(2) gives back.
int main(void) {
    run("plain", 0);
    run("nodefer", SA_NODEFER);
    calls = 10;
    depth = deepest = 0;
    install(SIGUSR1, SA_RESETHAND, again);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    FACT(now.sa_handler == SIG_DFL);
    run("restart", SA_RESTART);
    struct sigaction action = {.sa_handler = first};
    sigaction(SIGUSR1, &action, NULL);
    install(SIGUSR2, 0, second);
    raise(SIGUSR1);
    printf("not in the mask: second ran when first was at %d\n", inner);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    inner = -1;
    raise(SIGUSR1);
    printf("in the mask: second ran when first was at %d\n", inner);
    sigaction(SIGUSR1, NULL, &now);
    FACT(now.sa_handler == first);
    FACT(sigismember(&now.sa_mask, SIGUSR2) && !sigismember(&now.sa_mask, SIGHUP));
    VALUE(sigaction(SIGKILL, &action, NULL));
    VALUE(sigaction(SIGSTOP, &action, NULL));
    VALUE(sigaction(SIGKILL, NULL, &now));
    VALUE(sigaction(0, &action, NULL));
    VALUE(sigaction(65, &action, NULL));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 4));
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGUSR2, NULL, &now);
    FACT(!sigismember(&now.sa_mask, SIGKILL) && !sigismember(&now.sa_mask, SIGSTOP));
    // Without effect by default.
    raise(SIGCHLD);
    raise(SIGURG);
    raise(SIGWINCH);
    raise(SIGCONT);
    printf("still here\n");
}
