// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/time.h>

static atomic_int alarms;
static void on_alarm(int signal) { alarms++; }

int main(void) {
    int ep = MUST(epoll_create1(0));
    struct epoll_event got;
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    signal(SIGALRM, on_alarm);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGALRM);
    printf("alarms %d\n", alarms);
    VALUE(epoll_pwait(ep, &got, 1, 10000, &none));
    printf("alarms %d\n", alarms);
    VALUE(epoll_pwait(ep, &got, 1, 10, &none));
    raise(SIGALRM);
    VALUE(epoll_pwait(ep, &got, 1, 10, &block));
    printf("alarms %d\n", alarms);
    sigset_t now;
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    printf("alarms %d\n", alarms);
    sigprocmask(SIG_BLOCK, NULL, &now);
    FACT(!sigismember(&now, SIGALRM));
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    VALUE(epoll_wait(ep, &got, 1, -1));
    printf("alarms %d\n", alarms);
}
