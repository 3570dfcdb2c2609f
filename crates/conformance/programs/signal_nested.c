// build: glibc musl
#include "conformance.h"

static int depth, deepest, order[16], filled;
static void on(int signal) {
    if (++depth > deepest) deepest = depth;
    order[filled++] = signal;
    if (signal == SIGUSR1 && filled < 6) {
        raise(SIGUSR1); // masked while it runs: comes afterwards
        raise(SIGUSR2); // not masked: comes at once
    }
    order[filled++] = -signal;
    depth--;
}

static int again;
static void nodefer(int signal) {
    if (++depth > deepest) deepest = depth;
    if (again++ < 3) raise(signal);
    depth--;
}

int main(void) {
    struct sigaction action = {.sa_handler = on};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR1);
    for (int i = 0; i < filled; i++) printf("%d ", order[i]);
    printf("\ndeepest %d\n", deepest);
    // With the other in the handler's mask, nothing nests.
    filled = 0;
    deepest = 0;
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    for (int i = 0; i < filled; i++) printf("%d ", order[i]);
    printf("\ndeepest %d\n", deepest);
    deepest = 0;
    action = (struct sigaction){.sa_handler = nodefer, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    printf("deepest %d\n", deepest);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    FACT(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
}
