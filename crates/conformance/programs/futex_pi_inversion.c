// A thread that holds what a more important one waits for is not held up by a third in between.
#include "conformance.h"
#include <semaphore.h>

static pthread_mutex_t mutex;
static sem_t held, trying;
static atomic_int stop, middle_ran;
static int ran_before;

static void *low(void *arg) {
    pthread_mutex_lock(&mutex);
    sem_post(&held);
    // By now the others are there: this goes on only with the priority of the one who waits.
    for (volatile long i = 0; i < 20000000; i++) {
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void *middle(void *arg) {
    double end = monotonic() + 2;
    atomic_store(&middle_ran, 1);
    while (!atomic_load(&stop) && monotonic() < end) {
    }
    return NULL;
}

static void *high(void *arg) {
    sem_post(&trying);
    pthread_mutex_lock(&mutex);
    ran_before = atomic_load(&middle_ran);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static pthread_t start(void *(*run)(void *), int priority) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    struct sched_param param = {priority};
    pthread_attr_setschedparam(&attributes, &param);
    RETURNS(pthread_create(&thread, &attributes, run, NULL));
    return thread;
}

static void play(int protocol) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, protocol);
    pthread_mutex_init(&mutex, &attributes);
    sem_init(&held, 0, 0);
    sem_init(&trying, 0, 0);
    stop = middle_ran = 0;
    pthread_t threads[3];
    threads[0] = start(low, 10);
    sem_wait(&held);
    threads[1] = start(high, 30);
    sem_wait(&trying);
    threads[2] = start(middle, 20);
    pthread_join(threads[1], NULL);
    stop = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[2], NULL);
    FACT(ran_before);
}

int main(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    MUST(sched_setaffinity(0, sizeof one, &one));
    struct sched_param param = {50};
    MUST(sched_setscheduler(0, SCHED_FIFO, &param));
    puts("with inheritance:");
    play(PTHREAD_PRIO_INHERIT);
    puts("without:");
    play(PTHREAD_PRIO_NONE);
    return 0;
}
