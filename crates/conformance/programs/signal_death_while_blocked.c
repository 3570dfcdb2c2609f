#include "conformance.h"

// A fault's signal cannot be blocked or ignored.
int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGSEGV, SIG_IGN);
    printf("before\n");
    *(volatile int *)8 = 1;
    printf("not reached\n");
}
