// build: glibc musl
#include "conformance.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit;
    VALUE(getrlimit(RLIMIT_STACK, &limit));
    FACT(limit.rlim_cur >= 1 << 20);
    VALUE(getrlimit(RLIMIT_NOFILE, &limit));
    FACT(limit.rlim_cur >= 256 && limit.rlim_max >= limit.rlim_cur);
    limit.rlim_cur = 128;
    VALUE(setrlimit(RLIMIT_NOFILE, &limit));
    struct rlimit again;
    VALUE(prlimit(0, RLIMIT_NOFILE, NULL, &again));
    FACT(again.rlim_cur == 128 && again.rlim_max == limit.rlim_max);
    struct rlimit wrong = {200, 100};
    VALUE(setrlimit(RLIMIT_NOFILE, &wrong));
    VALUE(getrlimit(99, &limit));
    VALUE(setrlimit(99, &limit));
    VALUE(prlimit(getpid(), RLIMIT_CORE, NULL, &limit));
    VALUE(prlimit(0x3ffffffe, RLIMIT_CORE, NULL, &limit));
    VALUE(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 8));
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        if (getrlimit(i, &limit)) printf("limit %d: %s\n", i, error_name(errno));
        else if (limit.rlim_cur > limit.rlim_max) printf("limit %d is odd\n", i);
    }
}
