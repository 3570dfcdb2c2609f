// build: glibc musl
#include "conformance.h"
#include <sys/time.h>

// Integer and vector registers live through system calls, signals and preemption.
static atomic_int stop, alarms;
static void clobber(int signal) {
    __asm__ volatile("vzeroall; pxor %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1; pcmpeqd %%xmm15, %%xmm15" ::: "xmm0", "xmm1", "xmm15");
    volatile double x = 3.25;
    for (int i = 0; i < 20; i++) x = x * 1.5 + 1;
    alarms++;
}

static long check(int me, int in_kernel) {
    long bad = 0;
    unsigned long in[4] = {0x1111111111111111ul * (unsigned)me, 0x2222222222222222ul, 0x0123456789abcdeful + (unsigned)me, ~0ul}, out[4], low[4];
    unsigned long r12, r13;
    for (int i = 0; i < 200; i++) {
        __asm__ volatile(
            "vmovdqu (%[in]), %%ymm3; vmovdqu (%[in]), %%ymm15; mov %[me], %%r12; mov %[me], %%r13; not %%r13;"
            "test %[kernel], %[kernel]; jz 1f;"
            "mov $24, %%eax; syscall; jmp 3f;" // sched_yield
            "1: mov $20000, %%ecx; 2: dec %%ecx; jnz 2b; 3:"
            "vmovdqu %%ymm3, (%[out]); vmovdqu %%ymm15, (%[low]); mov %%r12, %[r12]; mov %%r13, %[r13]"
            : [r12] "=&m"(r12), [r13] "=&m"(r13)
            : [in] "r"(in), [out] "r"(out), [low] "r"(low), [me] "r"((long)me), [kernel] "r"(in_kernel)
            : "rax", "rcx", "r11", "r12", "r13", "xmm3", "xmm15", "memory", "cc");
        bad += memcmp(in, out, 32) != 0 || memcmp(in, low, 32) != 0 || r12 != (unsigned long)me || r13 != ~(unsigned long)me;
    }
    return bad;
}

static void *work(void *argument) {
    long bad = 0;
    int me = (int)(long)argument;
    while (!stop) bad += check(me, 0) + check(me, 1);
    return (void *)bad;
}

int main(void) {
    if (!__builtin_cpu_supports("avx")) {
        printf("no AVX\n");
        return 1;
    }
    signal(SIGALRM, clobber);
    struct itimerval often = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    setitimer(ITIMER_REAL, &often, NULL);
    double begin = monotonic();
    while (monotonic() - begin < 0.5) {
    }
    setitimer(ITIMER_REAL, &off, NULL);
    stop = 1;
    long bad = 0;
    for (int i = 0; i < 3; i++) {
        void *value;
        pthread_join(threads[i], &value);
        bad += (long)value;
    }
    printf("bad %ld\n", bad);
    FACT(alarms > 10);
}
