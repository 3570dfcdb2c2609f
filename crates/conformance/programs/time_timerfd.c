// build: glibc musl
#include "conformance.h"
#include <sys/timerfd.h>

int main(void) {
    int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    uint64_t count = 0;
    VALUE(read(fd, &count, 8));
    struct itimerspec set = {{0, 0}, {0, 20000000}}, old;
    VALUE(timerfd_settime(fd, 0, &set, NULL));
    VALUE(timerfd_gettime(fd, &old));
    FACT(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000);
    struct pollfd p = {fd, POLLIN, 0};
    VALUE(poll(&p, 1, 5000));
    VALUE(read(fd, &count, 4));
    VALUE(read(fd, &count, 8));
    printf("count %lu\n", (unsigned long)count);
    VALUE(read(fd, &count, 8));
    VALUE(timerfd_gettime(fd, &old));
    FACT(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
    // An interval that has passed several times.
    struct itimerspec often = {{0, 5000000}, {0, 5000000}};
    timerfd_settime(fd, 0, &often, NULL);
    pause_ms(40);
    VALUE(read(fd, &count, 8));
    FACT(count >= 7);
    timerfd_gettime(fd, &old);
    FACT(old.it_interval.tv_nsec == 5000000);
    struct itimerspec off = {{0, 0}, {0, 0}};
    VALUE(timerfd_settime(fd, 0, &off, &old));
    FACT(old.it_interval.tv_nsec == 5000000);
    VALUE(poll(&p, 1, 0));
    // Absolute and in the past: at once.
    struct itimerspec past = {{0, 0}, {1, 0}};
    VALUE(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL));
    VALUE(poll(&p, 1, 1000));
    VALUE(read(fd, &count, 8));
    printf("count %lu\n", (unsigned long)count);
    struct itimerspec bad = {{0, 0}, {0, 1000000000}};
    VALUE(timerfd_settime(fd, 0, &bad, NULL));
    VALUE(timerfd_settime(fd, 8, &set, NULL));
    VALUE(timerfd_settime(0, 0, &set, NULL));
    VALUE(timerfd_settime(99, 0, &set, NULL));
    VALUE(timerfd_create(99, 0));
    VALUE(timerfd_create(CLOCK_MONOTONIC, 1));
    VALUE(write(fd, &count, 8));
    VALUE(lseek(fd, 0, SEEK_SET));
    int blocking = MUST(timerfd_create(CLOCK_REALTIME, 0));
    timerfd_settime(blocking, 0, &set, NULL);
    VALUE(read(blocking, &count, 8));
}
