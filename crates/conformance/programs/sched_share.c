// build: glibc musl
// Busy threads on one processor: everybody gets a share, by nice value and policy. Bounds are generous, as the host has other things to do.
#define _GNU_SOURCE
#include "conformance.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;

struct worker {
    pthread_t thread;
    int nice;
    int policy;
    double used;
    atomic_int tid;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct sched_param none = {0};
    worker->tid = syscall(SYS_gettid);
    if (setpriority(PRIO_PROCESS, syscall(SYS_gettid), worker->nice))
        printf("setpriority failed: %d\n", errno);
    if (syscall(SYS_sched_setscheduler, 0, worker->policy, &none))
        printf("sched_setscheduler failed: %d\n", errno);
    while (!stop) {
    }
    worker->used = seconds(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static void run(struct worker *workers, int count)
{
    stop = 0;
    for (int i = 0; i < count; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    // Until they had a fifth of a second together: on a busy machine that takes a while, but not for ever.
    double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < 30 && seconds(CLOCK_PROCESS_CPUTIME_ID) - begin < 0.2; i++) {
        struct timespec span = {0, 100 * 1000 * 1000};
        nanosleep(&span, NULL);
    }
    stop = 1;
    // As everybody else again, so that a busy machine lets them end.
    for (int i = 0; i < count; i++) {
        struct sched_param none = {0};
        syscall(SYS_sched_setscheduler, workers[i].tid, SCHED_OTHER, &none);
        setpriority(PRIO_PROCESS, workers[i].tid, 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    printf("on one processor: %d\n", sched_setaffinity(0, sizeof one, &one));

    struct worker equal[3] = {{0}};
    run(equal, 3);
    double total = equal[0].used + equal[1].used + equal[2].used;
    for (int i = 0; i < 3; i++)
        printf("thread %d of three gets a tenth: %d\n", i, equal[i].used > total / 10);

    struct worker nicer[2] = {{.nice = 0}, {.nice = 15}};
    run(nicer, 2);
    printf("nice 0 gets twice as much as nice 15: %d\n", nicer[0].used > 2 * nicer[1].used);
    printf("nice 15 gets something: %d\n", nicer[1].used > 0.001);

    struct worker idle[2] = {{.policy = SCHED_OTHER}, {.policy = SCHED_IDLE}};
    run(idle, 2);
    printf("SCHED_OTHER gets four times as much as SCHED_IDLE: %d\n", idle[0].used > 4 * idle[1].used);

    struct worker batch[2] = {{.policy = SCHED_OTHER}, {.policy = SCHED_BATCH}};
    run(batch, 2);
    printf("SCHED_BATCH gets a tenth: %d\n", batch[1].used > (batch[0].used + batch[1].used) / 10);
    return 0;
}
