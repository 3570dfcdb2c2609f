// build: glibc musl
#include "conformance.h"

static pthread_mutex_t mutex;

static void *die_with_it(void *argument) {
    pthread_mutex_lock(&mutex);
    return NULL;
}

static atomic_int waiter;
static void *wait_for_it(void *argument) {
    waiter = gettid();
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_consistent(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    return NULL;
}

static void *hold_until_waited_for(void *argument) {
    pthread_mutex_lock(&mutex);
    pthread_t *other = argument;
    pthread_create(other, NULL, wait_for_it, NULL);
    while (!waiter) sched_yield();
    until_asleep(waiter);
    return NULL;
}

int main(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    RETURNS(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
    RETURNS(pthread_mutex_init(&mutex, &attributes));
    pthread_t thread, other;
    pthread_create(&thread, NULL, die_with_it, NULL);
    pthread_join(thread, NULL);
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_consistent(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    pthread_create(&thread, NULL, hold_until_waited_for, &other);
    pthread_join(thread, NULL);
    pthread_join(other, NULL);
    pthread_create(&thread, NULL, die_with_it, NULL);
    pthread_join(thread, NULL);
    RETURNS(pthread_mutex_lock(&mutex));
    RETURNS(pthread_mutex_unlock(&mutex));
    RETURNS(pthread_mutex_lock(&mutex));
}
