// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep, fd;
static atomic_int tid, results[3];
static void *wait_forever(void *argument) {
    struct epoll_event got;
    tid = gettid();
    results[(long)argument] = epoll_wait(ep, &got, 1, -1);
    return NULL;
}

int main(void) {
    ep = MUST(epoll_create1(0));
    fd = MUST(eventfd(0, 0));
    struct epoll_event event = {.events = EPOLLIN};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_forever, (void *)0);
    while (!tid) sched_yield();
    until_asleep(tid);
    uint64_t one = 1;
    write(fd, &one, 8);
    // Added while the other waits, and ready.
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    pthread_join(thread, NULL);
    printf("woken by an addition: %d\n", results[0]);
    read(fd, &one, 8);
    tid = 0;
    pthread_create(&thread, NULL, wait_forever, (void *)1);
    while (!tid) sched_yield();
    until_asleep(tid);
    write(fd, &one, 8);
    pthread_join(thread, NULL);
    printf("woken by a write: %d\n", results[1]);
    struct epoll_event got;
    read(fd, &one, 8);
    double begin = monotonic();
    VALUE(epoll_wait(ep, &got, 1, 30));
    FACT(monotonic() - begin >= 0.03);
    struct timespec limit = {0, 20000000};
    VALUE(syscall(SYS_epoll_pwait2, ep, &got, 1, &limit, NULL, 0));
    FACT(monotonic() - begin >= 0.05);
}
