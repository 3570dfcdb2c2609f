// build: glibc musl
#include "conformance.h"

static pthread_barrier_t barrier;
static atomic_int serial, phase_sum;

static void *work(void *argument) {
    for (int i = 0; i < 100; i++) {
        atomic_fetch_add(&phase_sum, 1);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) atomic_fetch_add(&serial, 1);
        if (phase_sum < (i + 1) * 5) printf("a thread ran ahead\n");
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[5];
    RETURNS(pthread_barrier_init(&barrier, NULL, 0));
    RETURNS(pthread_barrier_init(&barrier, NULL, 5));
    for (int i = 0; i < 5; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
    printf("serial %d, phases %d\n", serial, phase_sum);
}
