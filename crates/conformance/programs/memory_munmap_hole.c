#include "conformance.h"

static sigjmp_buf back;
static void *seen;

static void fault(int signal, siginfo_t *info, void *context) {
    seen = info->si_addr;
    siglongjmp(back, 1);
}

static const char *touch(volatile char *p) {
    if (sigsetjmp(back, 1)) return seen == (void *)p ? "faults there" : "faults elsewhere";
    (void)*p;
    return "readable";
}

int main(void) {
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    char *p = mmap(NULL, 7 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 7; i++) p[i * 4096] = (char)i;
    VALUE(munmap(p + 4096, 4096));
    VALUE(munmap(p + 3 * 4096, 2 * 4096));
    for (int i = 0; i < 7; i++) printf("page %d: %s\n", i, touch(p + i * 4096));
    // A range with holes in it.
    VALUE(munmap(p, 6 * 4096));
    for (int i = 0; i < 7; i++) printf("page %d: %s\n", i, touch(p + i * 4096));
    FACT(p[6 * 4096] == 6);
}
