// A thread that sleeps for less than a switch takes does not keep the others from running.
#include "conformance.h"

static atomic_int end;
static atomic_long steps, sleeps;

static void *sleeper(void *arg) {
    struct timespec least = {0, 1};
    while (!atomic_load(&end)) {
        nanosleep(&least, NULL);
        atomic_fetch_add(&sleeps, 1);
    }
    return NULL;
}

static void *worker(void *arg) {
    while (atomic_load(&steps) < 1000000) atomic_fetch_add(&steps, 1);
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, sleeper, NULL);
    pthread_create(&threads[3], NULL, worker, NULL);
    pthread_join(threads[3], NULL);
    atomic_store(&end, 1);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    printf("%ld steps\n", atomic_load(&steps));
    FACT(atomic_load(&sleeps) > 0);
    return 0;
}
