// build: glibc musl
#include "conformance.h"
#include <ucontext.h>

// What a handler changes in the context is what the program goes on with.
static int length;
static sigset_t mask_seen;

static void skip(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_RIP] += length;
    uc->uc_mcontext.gregs[REG_RAX] = 0x1234567890;
    uc->uc_mcontext.gregs[REG_R15] ^= 0xff;
}

static void edit(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
    sigdelset(&uc->uc_sigmask, SIGHUP);
    unsigned *xmm = (unsigned *)((char *)uc->uc_mcontext.fpregs + 160);
    printf("xmm0 in the frame %u\n", xmm[0]);
    xmm[0] = 99;
    uc->uc_mcontext.gregs[REG_EFL] |= 1;
}

static volatile int elsewhere_ran;

__attribute__((noreturn, used)) static void elsewhere(void) {
    elsewhere_ran = 1;
    printf("elsewhere\n");
    exit(elsewhere_ran ? 7 : 8);
}

static void divert(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)elsewhere;
    uc->uc_mcontext.gregs[REG_RSP] = (uc->uc_mcontext.gregs[REG_RSP] - 4096) & ~15ull;
    uc->uc_mcontext.gregs[REG_RSP] -= 8;
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(signal, &action, NULL);
}

int main(void) {
    handle(SIGSEGV, skip);
    handle(SIGILL, skip);
    handle(SIGUSR1, edit);
    unsigned long rax, r15;
    length = 3;
    asm volatile("xor %%ebx, %%ebx; mov $0x5500, %%r15; mov (%%rbx), %%rax; mov %%r15, %1"
                 : "=&a"(rax), "=r"(r15) : : "rbx", "r15", "memory");
    printf("rax %#lx r15 %#lx\n", rax, r15);
    length = 2;
    asm volatile("mov $1, %%r15d; ud2; mov %%r15, %1" : "=&a"(rax), "=r"(r15) : : "r15", "memory");
    printf("rax %#lx r15 %#lx\n", rax, r15);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    unsigned low;
    unsigned char carry;
    pid_t pid = getpid(), tid = gettid();
    asm volatile("mov $42, %%eax; movd %%eax, %%xmm0; mov $234, %%eax; clc; syscall; setc %1; movd %%xmm0, %0"
                 : "=&r"(low), "=&r"(carry) : "D"(pid), "S"(tid), "d"(SIGUSR1) : "rax", "rcx", "r11", "xmm0", "memory");
    printf("xmm0 %u carry %u\n", low, carry);
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("HUP %d USR1 %d USR2 %d\n", sigismember(&set, SIGHUP), sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
    handle(SIGSEGV, divert);
    *(volatile int *)8 = 1;
    printf("not reached\n");
}
