// build: glibc musl
// Policies and priorities are kept for each thread, inherited, and refused where they make no sense.
#define _GNU_SOURCE
#include "conformance.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

static int set(int policy, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    return syscall(SYS_sched_setscheduler, 0, policy, &param) ? errno : 0;
}

static void show(const char *who)
{
    struct sched_param param = {-1};
    int policy = syscall(SYS_sched_getscheduler, 0);
    syscall(SYS_sched_getparam, 0, &param);
    printf("%s: policy %#x priority %d nice %d\n", who, policy, param.sched_priority, getpriority(PRIO_PROCESS, 0));
}

static void *child(void *who)
{
    show(who);
    setpriority(PRIO_PROCESS, 0, 7);
    return NULL;
}

static void make(const char *who)
{
    pthread_t thread;
    pthread_create(&thread, NULL, child, (void *)who);
    pthread_join(thread, NULL);
}

int main(void)
{
    show("at first");
    printf("batch %d, idle %d, other %d\n", set(SCHED_BATCH, 0), set(SCHED_IDLE, 0), set(SCHED_OTHER, 0));
    printf("other with a priority %d, deadline %d, unknown %d, negative %d\n", set(SCHED_OTHER, 1), set(6, 0), set(99, 0), set(-1, 0));
    printf("fifo without %d, above %d\n", set(SCHED_FIFO, 0), set(SCHED_FIFO, 100));
    printf("nice 5: %d\n", setpriority(PRIO_PROCESS, 0, 5));
    printf("batch: %d\n", set(SCHED_BATCH, 0));
    show("the maker");
    make("inherits");
    show("the maker, whose child is nicer");
    printf("clamped: %d", setpriority(PRIO_PROCESS, 0, 99));
    printf(" %d\n", getpriority(PRIO_PROCESS, 0));
    printf("reset on fork: %d\n", set(SCHED_IDLE | SCHED_RESET_ON_FORK, 0));
    show("the maker");
    make("is ordinary");
    errno = 0;
    printf("nobody: %d", getpriority(PRIO_PROCESS, 4000000));
    printf(" %d\n", errno);
    struct sched_param param = {1};
    printf("parameters: %ld", syscall(SYS_sched_setparam, 0, &param));
    printf(" %d\n", errno);
    printf("yield: %d\n", sched_yield());
    return 0;
}
