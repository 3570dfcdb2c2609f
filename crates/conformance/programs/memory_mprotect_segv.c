// build: glibc musl pie
#include "conformance.h"

static sigjmp_buf back;
static siginfo_t last;

static void fault(int signal, siginfo_t *info, void *context) {
    last = *info;
    siglongjmp(back, signal);
}

static char *page;

static void report(const char *what, int signal) {
    if (!signal) {
        printf("%s: no fault\n", what);
        return;
    }
    printf("%s: signal %d, code %d, at the page: %s\n", what, signal, last.si_code,
           (char *)last.si_addr == page ? "yes" : "no");
}

#define TRY(what, access) do { \
    int signal_ = sigsetjmp(back, 1); \
    if (!signal_) { access; } \
    report(what, signal_); \
} while (0)

int main(void) {
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *p = page;
    *p = (char)0xc3;
    TRY("read rw", (void)*p);
    TRY("write rw", *p = (char)0xc3);
    TRY("execute rw", ((void (*)(void))page)());
    VALUE(mprotect(page, 4096, PROT_READ));
    TRY("read r", (void)*p);
    TRY("write r", *p = 1);
    TRY("execute r", ((void (*)(void))page)());
    VALUE(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    TRY("execute rx", ((void (*)(void))page)());
    TRY("write rx", *p = 1);
    VALUE(mprotect(page, 4096, PROT_NONE));
    TRY("read none", (void)*p);
    TRY("write none", *p = 1);
    VALUE(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    FACT(*p == (char)0xc3);
    munmap(page, 4096);

    // Of a file, and after execution was allowed for a while.
    int fd = MUST(open("code", O_CREAT | O_RDWR, 0600));
    VALUE(write(fd, "\xc3", 1));
    char *anonymous = page;
    page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    TRY("execute a file r", ((void (*)(void))page)());
    VALUE(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    TRY("execute a file rx", ((void (*)(void))page)());
    VALUE(mprotect(page, 4096, PROT_READ));
    TRY("execute a file r again", ((void (*)(void))page)());
    VALUE(munmap(page, 4096));
    VALUE(unlink("code"));
    page = anonymous;
    TRY("read unmapped", (void)*p);
    TRY("write unmapped", *p = 1);
    page = NULL;
    p = NULL;
    TRY("read null", (void)*p);
    // Not canonical: the processor gives no address.
    p = (char *)0x8000000000000000;
    TRY("read non-canonical", (void)*p);
    printf("address %p\n", last.si_addr);
}
