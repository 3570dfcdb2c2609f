// build: glibc musl
#include "conformance.h"

// A shared anonymous mapping is a nameless file: MADV_DONTNEED keeps its contents, it can be mapped twice, and it ends.
static sigjmp_buf back;
static void on_bus(int signo) { siglongjmp(back, signo); }

int main(void) {
    signal(SIGBUS, on_bus);
    char *p = mmap(NULL, 4 << 12, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FACT(p != MAP_FAILED);
    FACT(p[0] == 0 && p[3 << 12] == 0);
    strcpy(p, "first");
    strcpy(p + 8192, "third");
    VALUE(madvise(p, 4 << 12, MADV_DONTNEED));
    printf("%s %s\n", p, p + 8192);
    char *q = mremap(p, 0, 4 << 12, MREMAP_MAYMOVE);
    FACT(q != MAP_FAILED && q != p);
    printf("%s %s\n", q, q + 8192);
    q[4096] = 'q';
    FACT(p[4096] == 'q');
    VALUE(munmap(p, 4 << 12));
    FACT(q[4096] == 'q');
    q = mremap(q, 4 << 12, 6 << 12, MREMAP_MAYMOVE);
    FACT(q != MAP_FAILED && q[4096] == 'q');
    int signo = sigsetjmp(back, 1);
    if (signo == 0) {
        q[4 << 12] = 1;
        printf("past the end\n");
    } else {
        FACT(signo == SIGBUS);
    }
    VALUE(madvise(q, 4096, MADV_REMOVE));
    FACT(q[0] == 0 && strcmp(q + 8192, "third") == 0);
    VALUE(madvise(q, 4096, MADV_FREE));
    char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    WORKS(mremap(private, 0, 8192, MREMAP_MAYMOVE));
    VALUE(madvise(private, 4096, MADV_REMOVE));
    WORKS(mmap(NULL, 0, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    FACT(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | 0x80000000, -1, 0));
}
