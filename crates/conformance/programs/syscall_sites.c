// build: glibc musl pie
// System calls by instruction sequences of all kinds: what stands before and after a `syscall` must not matter, nor how one gets there.
#include "conformance.h"

static long number_before(void) {
    long result;
    asm volatile("movl $39, %%eax\n\tsyscall" : "=a"(result) : : "rcx", "r11", "memory");
    return result;
}

static long wide_number_before(void) {
    long result;
    asm volatile("movq $39, %%rax\n\tsyscall" : "=a"(result) : : "rcx", "r11", "memory");
    return result;
}

// A leaf function keeps what it likes in the 128 bytes below the stack pointer.
static int red_zone(void) {
    long before, after;
    asm volatile(
        "movq $-128, %%rcx\n"
        "1: movq %%rcx, (%%rsp,%%rcx)\n\t"
        "addq $8, %%rcx\n\t"
        "jnz 1b\n\t"
        "movl $39, %%eax\n\t"
        "syscall\n\t"
        "xorl %%edx, %%edx\n\t"
        "movq $-128, %%rcx\n"
        "2: cmpq %%rcx, (%%rsp,%%rcx)\n\t"
        "je 3f\n\t"
        "incl %%edx\n"
        "3: addq $8, %%rcx\n\t"
        "jnz 2b\n\t"
        : "=a"(before), "=d"(after)
        :
        : "rcx", "r11", "memory");
    return (int)after;
}

// Straight to the instruction, past what loads another number.
static long jumped_to(long number) {
    long result;
    asm volatile(
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "movl $39, %%eax\n"
        "1: syscall"
        : "=a"(result)
        : "a"(number)
        : "rcx", "r11", "memory");
    return result;
}

// The same by an address that was computed: no decoder sees the branch.
static long called_at(long number) {
    long result;
    asm volatile(
        "leaq 1f(%%rip), %%rdx\n\t"
        "jmp *%%rdx\n\t"
        "movl $39, %%eax\n"
        "1: syscall"
        : "=a"(result)
        : "a"(number)
        : "rcx", "rdx", "r11", "memory");
    return result;
}

// A function as a C library has it: number zero, and filling up to the next function.
asm(".text\n"
    ".p2align 4\n"
    "read_like: xorl %eax, %eax\n"
    "read_like_site: syscall\n\t"
    "cmpq $-4096, %rax\n\t"
    "ja 1f\n\t"
    "ret\n"
    ".p2align 4\n"
    "1: movq $-1, %rax\n\t"
    "ret\n"
    ".p2align 4\n"
    "any_call: movq %rdi, %rax\n\t"
    "movq %rsi, %rdi\n\t"
    "movq %rdx, %rsi\n\t"
    "movq %rcx, %rdx\n\t"
    "syscall\n\t"
    "ret\n"
    ".p2align 4\n");
long read_like(long, void *, long);
long any_call(long, long, long, long);
extern char read_like_site[];

// RCX and R11 are what the instruction itself leaves there; everything else is as it was.
static void registers(void) {
    static long after[16];
    asm volatile(
        "movq $0x1111, %%rbx; movq $0x2222, %%rdx; movq $0x3333, %%rsi; movq $0x4444, %%rdi\n\t"
        "movq $0x5555, %%r8; movq $0x6666, %%r9; movq $0x7777, %%r10\n\t"
        "movq $0xcccc, %%r12; movq $0xdddd, %%r13; movq $0xeeee, %%r14; movq $0xffff, %%r15\n\t"
        "movq %%r15, %%xmm0; movq %%r14, %%xmm7; movq %%r13, %%xmm15\n\t"
        "movl $39, %%eax\n\t"
        "syscall\n"
        "5: movq %%rbx, 0+%0; movq %%rdx, 8+%0; movq %%rsi, 16+%0; movq %%rdi, 24+%0\n\t"
        "movq %%r8, 32+%0; movq %%r9, 40+%0; movq %%r10, 48+%0; movq %%r12, 56+%0\n\t"
        "movq %%r13, 64+%0; movq %%r14, 72+%0; movq %%r15, 80+%0\n\t"
        "movq %%xmm0, 88+%0; movq %%xmm7, 96+%0; movq %%xmm15, 104+%0\n\t"
        "leaq 5b(%%rip), %%rax; subq %%rcx, %%rax; movq %%rax, 112+%0\n\t"
        "andl $0x246, %%r11d; movq %%r11, 120+%0\n\t"
        : "=m"(after)
        :
        : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm7", "xmm15", "memory");
    for (int i = 0; i < 15; i++) printf("register %d: %#lx\n", i, after[i]);
    printf("interrupts on in r11: %d\n", (after[15] & 0x200) != 0);
}

int main(void) {
    long self = getpid();
    printf("movl and syscall: %d\n", number_before() == self);
    printf("movq and syscall: %d\n", wide_number_before() == self);
    printf("words of the red zone that changed: %d\n", red_zone());
    printf("jumped past the number: %d, not jumped: %d\n", jumped_to(SYS_getpid) == self, jumped_to(0) == self);
    printf("jumped to another call: %d\n", jumped_to(SYS_gettid) == self);
    printf("by a computed address: %d\n", called_at(SYS_getppid) == getppid());

    char text[8] = "";
    int ends[2];
    if (pipe(ends) || write(ends[1], "read", 4) != 4) return 1;
    printf("read: %ld", read_like(ends[0], text, 8));
    printf(" %s, of a closed descriptor: %ld\n", text, read_like(-1, text, 8));
    printf("any call: %d %ld\n", any_call(SYS_getpid, 0, 0, 0) == self, any_call(SYS_close, 99, 0, 0));

    // Straight to the `syscall` of the function that reads.
    long (*site)(long, void *, long) = (void *)read_like_site;
    long result;
    asm volatile("call *%2" : "=a"(result) : "a"((long)SYS_getpid), "r"(site) : "rcx", "rdx", "rdi", "rsi", "r11", "memory");
    printf("its syscall alone: %d\n", result == self);
    registers();
    return 0;
}
