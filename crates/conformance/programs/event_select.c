// build: glibc musl
#include "conformance.h"
#include <sys/select.h>
#include <sys/time.h>

int main(void) {
    int pipes[2];
    MUST(pipe(pipes));
    fd_set in, out, bad;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&bad);
    FD_SET(pipes[0], &in);
    FD_SET(pipes[1], &out);
    FD_SET(pipes[0], &bad);
    struct timeval limit = {5, 0};
    VALUE(select(pipes[1] + 1, &in, &out, &bad, &limit));
    FACT(!FD_ISSET(pipes[0], &in) && FD_ISSET(pipes[1], &out) && !FD_ISSET(pipes[0], &bad));
    write(pipes[1], "x", 1);
    FD_SET(pipes[0], &in);
    FD_SET(pipes[1], &out);
    VALUE(select(pipes[1] + 1, &in, &out, NULL, NULL));
    FD_ZERO(&in);
    limit = (struct timeval){0, 30000};
    double begin = monotonic();
    VALUE(select(0, NULL, NULL, NULL, &limit));
    FACT(monotonic() - begin >= 0.03);
    FACT(limit.tv_sec == 0 && limit.tv_usec == 0);
    FD_SET(pipes[0], &in);
    limit = (struct timeval){50, 0};
    VALUE(select(pipes[0] + 1, &in, NULL, NULL, &limit));
    FACT(limit.tv_sec >= 49);
    close(pipes[1]);
    char byte;
    read(pipes[0], &byte, 1);
    FD_SET(pipes[0], &in);
    VALUE(select(pipes[0] + 1, &in, NULL, NULL, NULL));
    // Linux looks no further than the table of descriptors goes, and that starts with 64: a set of descriptor 200 alone would be taken for
    // an empty one and waited for without end. A table that has held 200 once stays long enough.
    MUST(dup2(pipes[0], 200));
    close(200);
    FD_ZERO(&in);
    FD_SET(200, &in);
    VALUE(select(201, &in, NULL, NULL, NULL));
    VALUE(select(-1, NULL, NULL, NULL, NULL));
    limit = (struct timeval){-1, 0};
    VALUE(select(0, NULL, NULL, NULL, &limit));
    struct timespec precise = {0, 10000000};
    VALUE(pselect(0, NULL, NULL, NULL, &precise, NULL));
    FACT(precise.tv_nsec == 10000000);
}
