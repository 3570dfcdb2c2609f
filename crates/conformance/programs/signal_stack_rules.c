// build: glibc musl
#include "conformance.h"

static stack_t inside;
static int on_it, changed, error;
static char area[65536], other[65536];

static void handler(int signal) {
    sigaltstack(NULL, &inside);
    char here;
    on_it = &here >= area && &here < area + sizeof area;
    stack_t new = {.ss_sp = other, .ss_size = sizeof other};
    changed = sigaltstack(&new, NULL);
    error = changed ? errno : 0;
}

static void show(const char *what) {
    stack_t now;
    sigaltstack(NULL, &now);
    printf("%s: sp %s size %zu flags %d %d\n", what, now.ss_sp == area ? "area" : now.ss_sp == other ? "other" : now.ss_sp ? "?" : "null",
           now.ss_size, now.ss_flags & 3, !!(now.ss_flags & (1u << 31)));
}

static void run(const char *what, int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    printf("%s: on it %d flags inside %d, change %s\n", what, on_it, inside.ss_flags & 3, error_name(error));
}

// sigaltstack(2): sizes, flags, what can be changed when.
int main(void) {
    show("at first");
    stack_t stack = {.ss_sp = area, .ss_size = 100};
    VALUE(sigaltstack(&stack, NULL));
    stack.ss_size = sizeof area;
    stack.ss_flags = 77;
    VALUE(sigaltstack(&stack, NULL));
    VALUE(sigaltstack((void *)8, NULL));
    stack.ss_flags = SS_ONSTACK;
    VALUE(sigaltstack(&stack, NULL));
    show("set");
    run("without SA_ONSTACK", 0);
    show("changed");
    stack.ss_flags = 0;
    MUST(sigaltstack(&stack, NULL));
    run("with SA_ONSTACK", SA_ONSTACK);
    show("after");
    stack.ss_flags = 1u << 31;
    VALUE(sigaltstack(&stack, NULL));
    show("autodisarm");
    run("autodisarm", SA_ONSTACK);
    show("armed again");
    stack_t none = {.ss_flags = SS_DISABLE};
    VALUE(sigaltstack(&none, &stack));
    show("disabled");
    run("disabled", SA_ONSTACK);
}
