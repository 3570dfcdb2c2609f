// build: glibc musl
#include "conformance.h"

static sigjmp_buf back;
static volatile siginfo_t got;
static void on(int signal, siginfo_t *info, void *context) {
    got = *info;
    siglongjmp(back, signal);
}

static volatile int zero;

#define TRY(what, action) do { \
    int signal_ = sigsetjmp(back, 1); \
    if (!signal_) { action; } \
    printf("%s: signal %d, code %d\n", what, signal_, signal_ ? got.si_code : 0); \
} while (0)

int main(void) {
    struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int i = 0; i < 5; i++) sigaction(signals[i], &action, NULL);
    TRY("division by zero", zero = 1 / zero);
    TRY("undefined instruction", __asm__ volatile("ud2"));
    TRY("breakpoint", __asm__ volatile("int3"));
    TRY("privileged instruction", __asm__ volatile("hlt"));
    TRY("null", *(volatile int *)0 = 1);
    TRY("kernel address", *(volatile int *)0xffffffff80000000 = 1);
    // Beyond the end of a mapped file.
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    ftruncate(fd, 100);
    volatile char *map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
    TRY("within the last page", (void)map[4000]);
    TRY("beyond the last page", (void)map[5000]);
    TRY("int 0x80 is none of ours", (void)0);
}
