// build: glibc musl
#include "conformance.h"

static void cleanup(void *argument) { printf("cleanup of %s\n", (char *)argument); }
static atomic_int tid;

static void *in_read(void *argument) {
    int pipes[2];
    char byte;
    MUST(pipe(pipes));
    pthread_cleanup_push(cleanup, "read");
    tid = gettid();
    read(pipes[0], &byte, 1);
    printf("not reached\n");
    pthread_cleanup_pop(0);
    return NULL;
}

static void *in_loop(void *argument) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(cleanup, "loop");
    tid = gettid();
    for (;;) {
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void *deferred(void *argument) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    tid = gettid();
    for (volatile long i = 0; i < 1000000; i++) {
    }
    while (tid) sched_yield();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    printf("not reached\n");
    return NULL;
}

static void join(pthread_t thread, const char *what) {
    void *value;
    pthread_join(thread, &value);
    printf("%s: %s\n", what, value == PTHREAD_CANCELED ? "cancelled" : "returned");
}

/* Prints after the join: the cancelled thread prints, too, and either may be first. */
static void cancel(pthread_t thread, const char *what) {
    int error = pthread_cancel(thread);
    tid = 0;
    join(thread, what);
    printf("pthread_cancel: %d\n", error);
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, in_read, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    cancel(thread, "read");
    pthread_create(&thread, NULL, in_loop, NULL);
    while (!tid) sched_yield();
    cancel(thread, "loop");
    pthread_create(&thread, NULL, deferred, NULL);
    while (!tid) sched_yield();
    cancel(thread, "deferred");
}
