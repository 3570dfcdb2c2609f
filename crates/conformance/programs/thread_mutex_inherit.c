// build: glibc musl
#include "conformance.h"

static pthread_mutex_t mutex;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, ready;
static atomic_int held;

static void *count(void *unused) {
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&mutex);
        int before = counter;
        if (i % 100 == 0) sched_yield();
        counter = before + 1;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *hold(void *unused) {
    pthread_mutex_lock(&mutex);
    held = 1;
    while (held) sched_yield();
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *wait_for(void *unused) {
    pthread_mutex_lock(&mutex);
    while (!ready) pthread_cond_wait(&cond, &mutex);
    ready++;
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *die_with_it(void *unused) {
    pthread_mutex_lock(&mutex);
    return NULL;
}

static void make(int type, int robust) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    RETURNS(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    pthread_mutexattr_settype(&attributes, type);
    if (robust) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    RETURNS(pthread_mutex_init(&mutex, &attributes));
}

// Mutexes of PTHREAD_PRIO_INHERIT: counting, trying, waiting with a time, conditions, owners that die.
int main(void) {
    make(PTHREAD_MUTEX_NORMAL, 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, count, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    VALUE(counter);
    pthread_create(&threads[0], NULL, hold, NULL);
    while (!held) sched_yield();
    RETURNS(pthread_mutex_trylock(&mutex));
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += 20000000;
    if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
    RETURNS(pthread_mutex_timedlock(&mutex, &when));
    held = 0;
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    pthread_join(threads[0], NULL);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, wait_for, NULL);
    pthread_mutex_lock(&mutex);
    ready = 1;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    VALUE(ready);
    make(PTHREAD_MUTEX_ERRORCHECK, 0);
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    make(PTHREAD_MUTEX_RECURSIVE, 0);
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    make(PTHREAD_MUTEX_NORMAL, 1);
    pthread_create(&threads[0], NULL, die_with_it, NULL);
    pthread_join(threads[0], NULL);
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_consistent(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
}
