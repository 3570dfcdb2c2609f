// build: glibc musl
#include "conformance.h"

int main(void) {
    long lengths[] = {0, 1, 1000, 1000000, 20000000, 50000000};
    for (int i = 0; i < 6; i++) {
        struct timespec rest = {0, lengths[i]};
        double begin = monotonic();
        int result = nanosleep(&rest, NULL);
        double took = monotonic() - begin;
        printf("%ld ns: %d, long enough: %s, not too long: %s\n", lengths[i], result,
               took * 1e9 >= (double)lengths[i] ? "yes" : "no", took < 5 ? "yes" : "no");
    }
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    VALUE(nanosleep(&bad, NULL));
    VALUE(nanosleep(&negative, NULL));
    VALUE(syscall(SYS_nanosleep, NULL, NULL));
    VALUE(usleep(1000));
    VALUE(sleep(0));
}
