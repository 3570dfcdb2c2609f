// build: glibc musl
// Signals that come while a thread makes one system call after another: a handler must see it at an instruction of the program, and in a range that C
// libraries compare with, whatever stands for the instruction `syscall`.
#include "conformance.h"
#include <sys/time.h>
#include <ucontext.h>

asm(".text\n"
    ".p2align 4\n"
    "calls: movl %edi, %edx\n"
    "1: movl $39, %eax\n"
    "getpid_site: syscall\n\t"
    "movl $110, %eax\n"
    "getppid_site: syscall\n\t"
    "movl $-1, %edi\n\t"
    "movl $-1, %esi\n\t"
    "xorl %eax, %eax\n"
    "read_site: syscall\n\t"
    "decl %edx\n\t"
    "jnz 1b\n\t"
    "ret\n"
    ".p2align 4\n"
    "calls_end:\n");
void calls(int);
extern char getpid_site[], getppid_site[], read_site[], calls_end[], __executable_start[], etext[];

static volatile sig_atomic_t signals, outside, wrong_number, wrong_result;

static void look(int signal, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    char *at = (char *)registers[REG_RIP];
    long rax = registers[REG_RAX];
    signals++;
    if (at < __executable_start || at >= etext) outside++;
    if (at == getpid_site && rax != 39 || at == getppid_site && rax != 110 || at == read_site && rax != 0) wrong_number++;
    if (at == getpid_site + 2 && rax != getpid() || at == read_site + 2 && rax != -EBADF) wrong_result++;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    // A round takes a millisecond or two; the end comes with the signals.
    for (int round = 0; signals < 400 && round < 30000; round++) calls(2000);
    setitimer(ITIMER_REAL, &never, NULL);
    printf("enough signals: %d\n", signals >= 400);
    printf("outside the program: %d\n", outside);
    printf("before a call without its number: %d, behind it without its result: %d\n", wrong_number, wrong_result);
    return 0;
}
