// build: glibc musl pie
#include "conformance.h"

static __thread int number = 41;
static __thread char zeros[5000];
static __thread long aligned __attribute__((aligned(256))) = 7;
static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value) { atomic_fetch_add(&destroyed, (int)(long)value); }

static void *work(void *argument) {
    long me = (long)argument;
    number += (int)me;
    zeros[4999] = (char)me;
    pthread_setspecific(key, argument);
    sched_yield();
    long bad = number != 41 + me || zeros[4999] != me || zeros[0] || aligned != 7 || (uintptr_t)&aligned % 256;
    bad += pthread_getspecific(key) != argument;
    errno = (int)me;
    sched_yield();
    return (void *)(bad + (errno != me));
}

int main(void) {
    pthread_key_create(&key, destroy);
    pthread_t threads[20];
    for (long i = 1; i <= 20; i++) pthread_create(&threads[i - 1], NULL, work, (void *)i);
    long bad = 0;
    for (int i = 0; i < 20; i++) {
        void *value;
        pthread_join(threads[i], &value);
        bad += (long)value;
    }
    printf("bad %ld, number %d, destroyed %d\n", bad, number, destroyed);
}
