// What a system call costs: as the C library makes it, and from code that was made at run time, which nobody rewrites.
#define _GNU_SOURCE
#include "bench.h"
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// mov rax, rdi; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx; syscall; ret
static const unsigned char code[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3};

int main(void) {
    long (*trap)(long, long, long, long) = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trap == MAP_FAILED) return 1;
    memcpy(trap, code, sizeof code);
    if (mprotect(trap, 4096, PROT_READ | PROT_EXEC)) return 1;

    static char content[1 << 20];
    memset(content, 'x', sizeof content);
    int file = memfd_create("content", 0);
    if (write(file, content, sizeof content) != sizeof content) return 1;
    int word = 0;
    char byte;
    struct timespec time;

    MEASURE("getpid", 20, 5000, getpid());
    MEASURE("getpid/trap", 20, 2000, trap(SYS_getpid, 0, 0, 0));
    MEASURE("read", 20, 5000, read(file, &byte, 1));
    lseek(file, 0, SEEK_SET);
    MEASURE("read/trap", 20, 2000, trap(SYS_read, file, (long)&byte, 1));
    MEASURE("clock_gettime", 20, 5000, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time));
    MEASURE("clock_gettime/trap", 20, 2000, trap(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0));
    MEASURE("futex_wake", 20, 5000, syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1));
    MEASURE("futex_wake/trap", 20, 2000, trap(SYS_futex, (long)&word, FUTEX_WAKE_PRIVATE, 1));
    MEASURE("sched_yield", 20, 5000, sched_yield());
    MEASURE("sched_yield/trap", 20, 2000, trap(SYS_sched_yield, 0, 0, 0));
    return 0;
}
