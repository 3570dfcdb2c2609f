#include "conformance.h"
#include <sys/resource.h>

static atomic_int warned;

static void handler(int signal) {
    static const char text[] = "warned\n";
    write(1, text, sizeof text - 1);
    warned++;
    if (warned == 1) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(SIGXCPU, &action, NULL);
    }
}

// RLIMIT_CPU: a signal when the soft limit is reached, and each second after it.
int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGXCPU, &action, NULL);
    struct rlimit limit = {1, 10};
    VALUE(setrlimit(RLIMIT_CPU, &limit));
    getrlimit(RLIMIT_CPU, &limit);
    printf("%ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
    for (volatile long i = 0;; i++) {
    }
}
