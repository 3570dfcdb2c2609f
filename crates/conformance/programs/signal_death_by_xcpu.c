#include "conformance.h"
#include <sys/resource.h>

static void handler(int signal) {
    static const char text[] = "warned\n";
    write(1, text, sizeof text - 1);
    // The second one a second later is not waited for: on a busy machine that takes long.
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGXCPU, &action, NULL);
    raise(SIGXCPU);
}

// RLIMIT_CPU: a signal when the soft limit is reached, whose default action ends the program.
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
