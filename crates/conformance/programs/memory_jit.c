// build: glibc musl
#include "conformance.h"

typedef int (*function)(void);

// mov eax, value; ret
static void emit(unsigned char *at, int value) {
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

static sigjmp_buf back;
static void on_segv(int signo) { siglongjmp(back, signo); }

// Code that is made at run time: writable then executable, by turns, and by two mappings of one file.
int main(void) {
    signal(SIGSEGV, on_segv);
    unsigned char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int bad = 0;
    for (int i = 0; i < 200; i++) {
        bad += mprotect(page, 8192, PROT_READ | PROT_WRITE) != 0;
        emit(page + i % 2 * 4096, i);
        bad += mprotect(page, 8192, PROT_READ | PROT_EXEC) != 0;
        bad += ((function)(page + i % 2 * 4096))() != i;
    }
    printf("bad %d\n", bad);
    int signo = sigsetjmp(back, 1);
    if (signo == 0) {
        page[0] = 0;
        printf("wrote to code\n");
    } else {
        FACT(signo == SIGSEGV);
    }
    int fd = MUST(memfd_create("code", 0));
    VALUE(ftruncate(fd, 65536));
    unsigned char *write_view = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *exec_view = mmap(NULL, 65536, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    bad = 0;
    for (int i = 0; i < 64; i++) {
        emit(write_view + i * 1000, i + 1000);
        bad += ((function)(exec_view + i * 1000))() != i + 1000;
    }
    for (int i = 0; i < 64; i++) bad += ((function)(exec_view + i * 1000))() != i + 1000;
    printf("bad %d\n", bad);
    signo = sigsetjmp(back, 1);
    if (signo == 0) {
        ((function)write_view)();
        printf("ran data\n");
    } else {
        FACT(signo == SIGSEGV);
    }
    // A private copy of a file's code, changed as a debugger or a patcher does.
    unsigned char *copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
    FACT(((function)copy)() == 1000);
    emit(copy, 7);
    FACT(((function)copy)() == 7 && ((function)exec_view)() == 1000);
}
