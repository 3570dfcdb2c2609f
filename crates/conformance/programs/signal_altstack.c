// build: glibc musl
#include "conformance.h"

static char alternative[65536];
static int on_it, flags;
static void on(int signal) {
    char here;
    stack_t now;
    on_it = &here >= alternative && &here < alternative + sizeof alternative;
    sigaltstack(NULL, &now);
    flags = now.ss_flags;
    stack_t other = {.ss_sp = alternative, .ss_size = sizeof alternative};
    VALUE(sigaltstack(&other, NULL));
}

int main(void) {
    stack_t stack = {.ss_sp = alternative, .ss_size = sizeof alternative}, old;
    VALUE(sigaltstack(NULL, &old));
    VALUE(old.ss_flags);
    VALUE(sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_handler = on, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    printf("on it %d, flags %d\n", on_it, flags);
    VALUE(sigaltstack(NULL, &old));
    FACT(old.ss_sp == alternative && old.ss_size == sizeof alternative && old.ss_flags == 0);
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    stack.ss_size = 100;
    VALUE(sigaltstack(&stack, NULL));
    stack.ss_flags = 77;
    VALUE(sigaltstack(&stack, NULL));
    stack.ss_flags = SS_DISABLE;
    VALUE(sigaltstack(&stack, NULL));
    sigaltstack(NULL, &old);
    VALUE(old.ss_flags);
}
