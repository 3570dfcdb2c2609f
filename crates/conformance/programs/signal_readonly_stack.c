// A handler that makes the stack read-only on which its own frame lies: returning only reads it.
#include "conformance.h"

__attribute__((used, aligned(4096))) static char stack[64 << 10];
__attribute__((used)) static int handled;

__attribute__((naked)) static void handler(int signal) {
    // mprotect(stack, sizeof stack, PROT_READ) without touching the stack, then the return to the restorer.
    __asm__ volatile(
        "incl handled(%rip)\n"
        "leaq stack(%rip), %rdi\n"
        "movl $65536, %esi\n"
        "movl $1, %edx\n"
        "movl $10, %eax\n"
        "syscall\n"
        "ret\n");
}

int main(void) {
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    MUST(sigaltstack(&alternate, NULL));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    MUST(sigaction(SIGUSR1, &action, NULL));
    double before = 1.5, after = before;
    for (int round = 0; round < 3; round++) {
        MUST(mprotect(stack, sizeof stack, PROT_READ | PROT_WRITE));
        raise(SIGUSR1);
        after *= 2;
    }
    printf("handled %d times, %g\n", handled, after);
    VALUE(mprotect(stack, sizeof stack, PROT_READ | PROT_WRITE));
    return 0;
}
