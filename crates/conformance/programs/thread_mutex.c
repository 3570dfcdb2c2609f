// build: glibc musl
#include "conformance.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *argument) {
    for (int i = 0; i < 50000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *try(void *argument) {
    RETURNS(pthread_mutex_trylock(&mutex));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += 20000000;
    if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
    RETURNS(pthread_mutex_timedlock(&mutex, &limit));
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, count, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("counter %ld\n", counter);
    pthread_mutex_lock(&mutex);
    pthread_create(&threads[0], NULL, try, NULL);
    pthread_join(threads[0], NULL);
    pthread_mutex_unlock(&mutex);
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t checked;
    pthread_mutex_init(&checked, &kind);
    RETURNS(pthread_mutex_lock(&checked));
    RETURNS(pthread_mutex_lock(&checked));
    RETURNS(pthread_mutex_unlock(&checked));
    RETURNS(pthread_mutex_unlock(&checked));
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_t recursive;
    pthread_mutex_init(&recursive, &kind);
    RETURNS(pthread_mutex_lock(&recursive));
    RETURNS(pthread_mutex_lock(&recursive));
    RETURNS(pthread_mutex_unlock(&recursive));
    RETURNS(pthread_mutex_unlock(&recursive));
    RETURNS(pthread_mutex_destroy(&recursive));
}
