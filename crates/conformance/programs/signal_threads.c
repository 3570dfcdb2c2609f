// build: glibc musl
#include "conformance.h"

static atomic_int handled_by[3], ready, leave;
static __thread int me;
static void on(int signal) { handled_by[me]++; }

static void *work(void *argument) {
    me = (int)(long)argument;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (me == 1) pthread_sigmask(SIG_BLOCK, &set, NULL);
    ready++;
    while (!leave) pause_ms(1);
    return NULL;
}

static void *never_in_the_kernel(void *argument) {
    me = 2;
    ready++;
    while (!handled_by[2]) {
    }
    return NULL;
}

int main(void) {
    signal(SIGUSR1, on);
    pthread_t one, two;
    pthread_create(&one, NULL, work, (void *)1);
    pthread_create(&two, NULL, work, (void *)2);
    while (ready < 2) sched_yield();
    RETURNS(pthread_kill(two, SIGUSR1));
    while (!handled_by[2]) sched_yield();
    RETURNS(pthread_kill(one, SIGUSR1));
    // For the whole process: only the second thread takes it.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    while (handled_by[2] < 2) sched_yield();
    printf("%d %d %d\n", handled_by[0], handled_by[1], handled_by[2]);
    leave = 1;
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    handled_by[2] = 0;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    pthread_create(&two, NULL, never_in_the_kernel, NULL);
    while (ready < 3) sched_yield();
    RETURNS(pthread_kill(two, SIGUSR1));
    pthread_join(two, NULL);
    printf("%d %d %d\n", handled_by[0], handled_by[1], handled_by[2]);
    // A new thread has its maker's mask.
    sigprocmask(SIG_BLOCK, &set, NULL);
    ready = 0;
    leave = 1;
    pthread_create(&one, NULL, work, (void *)2);
    RETURNS(pthread_join(one, NULL));
}
