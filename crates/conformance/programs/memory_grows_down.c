// build: glibc musl
#include "conformance.h"

static sigjmp_buf back;
static void on_segv(int signo) { siglongjmp(back, signo); }

// MAP_GROWSDOWN: a touch below makes it longer, down to the guard gap above what is mapped there.
int main(void) {
    struct sigaction action = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    const size_t pages = 2048;
    char *base = mmap(NULL, pages << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    munmap(base, pages << 12);
    // An area at the bottom, that it must not come near to.
    char *low = mmap(base, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    FACT(low == base);
    char *top = base + ((pages - 1) << 12);
    char *p = mmap(top, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    FACT(p == top);
    p[0] = 1;
    p[-1] = 2;
    p[-(8 << 12)] = 3;
    FACT(p[-1] == 2 && p[-(4 << 12)] == 0 && p[-(8 << 12)] == 3);
    // As a buffer of a system call.
    int pipes[2];
    MUST(pipe(pipes));
    VALUE(write(pipes[1], "abc", 3));
    VALUE(read(pipes[0], p - (16 << 12), 3));
    FACT(memcmp(p - (16 << 12), "abc", 3) == 0);
    int signo = sigsetjmp(back, 1);
    if (signo == 0) {
        low[8192] = 1;
        printf("grew into the guard gap\n");
    } else {
        FACT(signo == SIGSEGV);
    }
    signo = sigsetjmp(back, 1);
    if (signo == 0) {
        low[300 << 12] = 1;
        printf("grew to above the guard gap\n");
    } else {
        printf("did not grow\n");
    }
    VALUE(mprotect(top, 4096, PROT_READ | PROT_GROWSDOWN));
    signo = sigsetjmp(back, 1);
    if (signo == 0) {
        p[-(4 << 12)] = 1;
        printf("still writable below\n");
    } else {
        FACT(signo == SIGSEGV);
    }
    VALUE(mprotect(low, 4096, PROT_READ | PROT_GROWSDOWN));
    VALUE(mprotect(low, 4096, PROT_READ | PROT_GROWSUP));
}
