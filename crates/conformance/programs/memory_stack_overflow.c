#include "conformance.h"

static sigjmp_buf back;
static volatile int depths;

static void fault(int signal) { siglongjmp(back, signal); }

static int forever(int n) {
    volatile char room[4096];
    room[0] = (char)n;
    depths = n;
    return forever(n + 1) + room[0];
}

int main(void) {
    static char alternative[65536];
    stack_t stack = {.ss_sp = alternative, .ss_size = sizeof alternative};
    VALUE(sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_handler = fault, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    int signal = sigsetjmp(back, 1);
    if (!signal) forever(0);
    printf("signal %d\n", signal);
    FACT(depths > 1000 && depths < 4000);
}
