// build: glibc musl
#include "conformance.h"
#include <ucontext.h>

static sigjmp_buf with_mask, without_mask;
static int use;

static void handler(int signal) {
    if (use) siglongjmp(with_mask, 5);
    siglongjmp(without_mask, 6);
}

static int blocked(int signal) {
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, signal);
}

static ucontext_t back, there;
static int steps;

static void elsewhere(int a, int b) {
    printf("elsewhere %d %d, USR2 blocked %d\n", a, b, blocked(SIGUSR2));
    steps++;
    swapcontext(&there, &back);
    printf("elsewhere again\n");
    steps++;
}

// Leaving handlers by a jump, and contexts that bring their masks along.
int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    use = 1;
    int from = sigsetjmp(with_mask, 1);
    if (!from) raise(SIGUSR1);
    printf("from %d, USR1 blocked %d\n", from, blocked(SIGUSR1));
    use = 0;
    from = sigsetjmp(without_mask, 0);
    if (!from) raise(SIGUSR1);
    printf("from %d, USR1 blocked %d\n", from, blocked(SIGUSR1));
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    // A jump out of a fault, many times.
    action.sa_flags = 0;
    sigaction(SIGSEGV, &action, NULL);
    use = 1;
    volatile int faults = 0;
    sigsetjmp(with_mask, 1);
    if (faults++ < 100) *(volatile int *)8 = 1;
    printf("%d faults\n", faults - 1);
#ifdef __GLIBC__
    static char stack[65536];
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &back;
    sigaddset(&there.uc_sigmask, SIGUSR2);
    makecontext(&there, (void (*)(void))elsewhere, 2, 7, 8);
    swapcontext(&back, &there);
    printf("back after %d, USR2 blocked %d\n", steps, blocked(SIGUSR2));
    swapcontext(&back, &there);
    printf("back after %d\n", steps);
#endif
}
