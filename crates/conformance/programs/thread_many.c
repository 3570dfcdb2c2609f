// build: glibc musl
#include "conformance.h"

static atomic_int counter;
static void *work(void *argument) {
    for (int i = 0; i < 100; i++) {
        atomic_fetch_add(&counter, 1);
        if (i % 10 == 0) sched_yield();
    }
    return NULL;
}

int main(void) {
    pthread_t threads[200];
    for (int round = 0; round < 5; round++) {
        int made = 0;
        for (int i = 0; i < 200; i++) made += pthread_create(&threads[i], NULL, work, NULL) == 0;
        for (int i = 0; i < made; i++) pthread_join(threads[i], NULL);
        printf("round %d: %d threads, counter %d\n", round, made, counter);
    }
}
