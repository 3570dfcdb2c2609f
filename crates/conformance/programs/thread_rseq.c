#include "conformance.h"
#include <sys/rseq.h>

struct area { uint32_t cpu_start, cpu; uint64_t section; uint32_t flags, node, mm_cid, pad; } __attribute__((aligned(32)));
struct section { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32)));
static struct area mine;
static atomic_int tid, handled, done;

static void handler(int signal) { handled++; }

static long rseq(struct area *area, unsigned len, int flags, unsigned signature) { return syscall(SYS_rseq, area, len, flags, signature); }

// A restartable section that only being interrupted can end.
static int loop_until_aborted(struct area *area) {
    int aborted = 0;
    asm volatile(
        ".pushsection __rseq_cs, \"aw\"\n .balign 32\n 3: .long 0, 0\n .quad 1f, (2f - 1f), 4f\n .popsection\n"
        "leaq 3b(%%rip), %%rax\n movq %%rax, 8(%1)\n"
        "1: jmp 1b\n 2: jmp 5f\n"
        ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
        "4: movl $1, %0\n 5:\n"
        : "+r"(aborted) : "r"(area) : "rax", "memory", "cc");
    return aborted;
}

static void *in_section(void *unused) {
    struct area *area = (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    tid = gettid();
    int aborted = loop_until_aborted(area);
    done = 1;
    printf("aborted %d, section cleared %d\n", aborted, area->section == 0);
    return NULL;
}

static void *raw(void *unused) {
    struct area *libc = (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    VALUE(rseq(&mine, 32, 0, 0x53053053));
    VALUE(rseq(libc, 32, 0, 0x53053053));
    VALUE(rseq(libc, 32, 1, 0x1));
    VALUE(rseq(&mine, 32, 1, 0x53053053));
    VALUE(rseq(libc, 32, 2, 0x53053053));
    VALUE(rseq(libc, 32, 1, 0x53053053));
    FACT((int)libc->cpu < 0);
    VALUE(rseq(libc, 32, 1, 0x53053053));
    VALUE(rseq((struct area *)((char *)&mine + 4), 32, 0, 0x53053053));
    VALUE(rseq(&mine, 16, 0, 0x53053053));
    VALUE(rseq((struct area *)-32l, 32, 0, 0x53053053));
    mine.cpu = -1;
    VALUE(rseq(&mine, 32, 0, 0x53053053));
    FACT((int)mine.cpu >= 0 && mine.cpu == mine.cpu_start);
    int aborted = loop_until_aborted(&mine);
    done = 1;
    printf("aborted %d\n", aborted);
    VALUE(rseq(&mine, 32, 1, 0x53053053));
    FACT((int)mine.cpu == -1 && mine.cpu_start == 0);
    return NULL;
}

int main(void) {
    FACT(__rseq_size > 0);
    struct area *area = (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    FACT((int)area->cpu >= 0);
    FACT(sched_getcpu() >= 0);
    // What is printed meanwhile must not be lost where the output is slow.
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, in_section, NULL);
    while (!tid) sched_yield();
    // It may not have come to the section yet: until it is out of it.
    while (!done) {
        pthread_kill(thread, SIGUSR1);
        sched_yield();
    }
    pthread_join(thread, NULL);
    done = 0;
    pthread_create(&thread, NULL, raw, NULL);
    while (!done) {
        pthread_kill(thread, SIGUSR1);
        sched_yield();
    }
    pthread_join(thread, NULL);
}
