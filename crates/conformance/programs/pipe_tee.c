#include "conformance.h"

static int p[2], q[2];
static atomic_int tid;

static void *teeing(void *unused) {
    tid = gettid();
    VALUE(tee(p[0], q[1], 100, 0));
    return NULL;
}

static void show(int fd) {
    char buffer[64] = "";
    ssize_t got = read(fd, buffer, sizeof buffer - 1);
    printf("read %zd '%s'\n", got, got > 0 ? buffer : "");
}

// What tee(2) copies stays; vmsplice(2) is writev and readv for pipes.
int main(void) {
    MUST(pipe(p));
    MUST(pipe(q));
    MUST(write(p[1], "hello world", 11));
    VALUE(tee(p[0], q[1], 5, 0));
    VALUE(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK));
    show(q[0]);
    show(p[0]);
    VALUE(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK));
    pthread_t thread;
    pthread_create(&thread, NULL, teeing, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    MUST(write(p[1], "late", 4));
    pthread_join(thread, NULL);
    show(q[0]);
    show(p[0]);
    struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    VALUE(vmsplice(p[1], parts, 3, 0));
    char a[3], b[8];
    struct iovec into[2] = {{a, sizeof a}, {b, sizeof b}};
    VALUE(vmsplice(p[0], into, 2, 0));
    printf("%.3s|%.4s\n", a, b);
    VALUE(vmsplice(p[0], into, 2, SPLICE_F_NONBLOCK));
    char *big = aligned_alloc(4096, 69632);
    memset(big, 0, 69632);
    struct iovec large = {big, 69632};
    VALUE(vmsplice(p[1], &large, 1, SPLICE_F_NONBLOCK));
    VALUE(vmsplice(p[1], &large, 1, SPLICE_F_NONBLOCK));
    MUST(close(p[1]));
    MUST(close(q[1]));
    for (ssize_t total = 0, got;; total += got)
        if ((got = read(p[0], big, 69632)) <= 0) {
            printf("%zd bytes came\n", total);
            break;
        }
    VALUE(tee(p[0], p[1], 10, 0));
}
