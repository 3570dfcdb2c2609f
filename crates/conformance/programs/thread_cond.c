// build: glibc musl pie
#include "conformance.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn, order[60], filled;

static void *take_turns(void *argument) {
    int me = (int)(long)argument;
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != me) pthread_cond_wait(&changed, &mutex);
        order[filled++] = me;
        turn = (turn + 1) % 3;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, take_turns, (void *)i);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < filled; i++) printf("%d", order[i]);
    printf("\n");
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 30000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    double begin = monotonic();
    pthread_mutex_lock(&mutex);
    int result = pthread_cond_timedwait(&changed, &mutex, &limit);
    printf("timedwait: %s\n", error_name(result));
    FACT(monotonic() - begin >= 0.029);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    RETURNS(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    pthread_cond_t monotone;
    pthread_cond_init(&monotone, &attributes);
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec -= 1;
    RETURNS(pthread_cond_timedwait(&monotone, &mutex, &limit));
}
