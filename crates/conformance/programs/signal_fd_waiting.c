#include "conformance.h"
#include <sys/epoll.h>
#include <sys/signalfd.h>

static int fd;
static atomic_int tid;

static void *reader(void *unused) {
    tid = gettid();
    struct signalfd_siginfo info;
    ssize_t got = read(fd, &info, sizeof info);
    return (void *)(intptr_t)(got == sizeof info ? info.ssi_int : -1);
}

// Blocking reads of a signal descriptor, and waiting for it with epoll.
int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = MUST(signalfd(-1, &set, 0));
    pthread_t thread;
    pthread_create(&thread, NULL, reader, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    union sigval value = {.sival_int = 77};
    sigqueue(getpid(), SIGRTMIN, value);
    void *got;
    pthread_join(thread, &got);
    VALUE((intptr_t)got);

    int epoll = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    VALUE(epoll_wait(epoll, &event, 1, 0));
    kill(getpid(), SIGUSR1);
    VALUE(epoll_wait(epoll, &event, 1, 1000));
    printf("events %x data %u\n", event.events, event.data.u32);
    // Level-triggered: until it is taken, by whatever way.
    VALUE(epoll_wait(epoll, &event, 1, 0));
    int signal;
    sigwait(&set, &signal);
    VALUE(epoll_wait(epoll, &event, 1, 0));
    // A timer's signal with its number and overrun.
    timer_t timer;
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 9};
    MUST(timer_create(CLOCK_MONOTONIC, &how, &timer));
    struct itimerspec when = {{0, 0}, {0, 1000000}};
    MUST(timer_settime(timer, 0, &when, NULL));
    struct signalfd_siginfo info;
    VALUE(read(fd, &info, sizeof info));
    printf("timer: signal %d code %d value %d overrun %d\n", info.ssi_signo == SIGRTMIN, info.ssi_code, info.ssi_int, info.ssi_overrun);
    // Unblocked signals go to their handlers, blocked or not the descriptor's mask.
    sigset_t none;
    sigemptyset(&none);
    MUST(signalfd(fd, &none, 0));
    kill(getpid(), SIGUSR1);
    VALUE(epoll_wait(epoll, &event, 1, 0));
    MUST(signalfd(fd, &set, 0));
    VALUE(epoll_wait(epoll, &event, 1, 0));
    VALUE(read(fd, &info, sizeof info));
    printf("USR1 %d code %d uid %u\n", info.ssi_signo == SIGUSR1, info.ssi_code, info.ssi_uid);
}
