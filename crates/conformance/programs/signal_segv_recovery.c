// build: glibc musl pie
#include "conformance.h"
#include <ucontext.h>

static char *page;
static int mends, jumps;
static sigjmp_buf back;

// What garbage collectors and language runtimes do: mend the mapping and go on.
static void mend(int signal, siginfo_t *info, void *context) {
    mends++;
    mprotect((char *)((uintptr_t)info->si_addr & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE);
}

static void jump(int signal, siginfo_t *info, void *context) {
    jumps++;
    siglongjmp(back, 1);
}

// What virtual machines do: change the registers.
static void skip(int signal, siginfo_t *info, void *context) {
    ucontext_t *u = context;
    u->uc_mcontext.gregs[REG_RIP] += 2; // mov (%rax), %eax or ud2
    u->uc_mcontext.gregs[REG_RAX] = 4711;
}

int main(void) {
    page = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_sigaction = mend, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    for (int i = 0; i < 16; i++) page[i * 4096 + i] = (char)i;
    int sum = 0;
    for (int i = 0; i < 16; i++) sum += page[i * 4096 + i];
    printf("mends %d, sum %d\n", mends, sum);
    action.sa_sigaction = jump;
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 100; i++) {
        if (!sigsetjmp(back, 1)) *(volatile char *)8 = 1;
    }
    printf("jumps %d\n", jumps);
    action.sa_sigaction = skip;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    long value = 16;
    __asm__ volatile("movl (%%rax), %%eax" : "+a"(value));
    printf("value %ld\n", value);
    value = 0;
    __asm__ volatile("ud2" : "+a"(value));
    printf("value %ld\n", value);
}
