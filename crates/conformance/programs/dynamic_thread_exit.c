// build: dynamic fixed
// Threads that end by pthread_exit and by cancellation: glibc loads its unwinder for that when it is first needed.
#include "conformance.h"

static void cleanup(void *what) { printf("cleaned up %s\n", (char *)what); }

static void *leaver(void *arg) {
    pthread_cleanup_push(cleanup, "after pthread_exit");
    pthread_exit((void *)7);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *waiter(void *arg) {
    pthread_cleanup_push(cleanup, "after cancellation");
    for (;;) pause();
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void) {
    pthread_t thread;
    void *value;
    pthread_create(&thread, NULL, leaver, NULL);
    RETURNS(pthread_join(thread, &value));
    printf("value %ld\n", (long)value);
    pthread_create(&thread, NULL, waiter, NULL);
    RETURNS(pthread_cancel(thread));
    RETURNS(pthread_join(thread, &value));
    FACT(value == PTHREAD_CANCELED);
    return 0;
}
