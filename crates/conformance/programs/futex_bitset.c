// build: glibc musl
#include "conformance.h"
#include "futex.h"

static atomic_int word, tids[3], order[3], woken;

static void *waiter(void *argument) {
    long me = (long)argument;
    tids[me] = gettid();
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1 << me);
    order[woken++] = (int)me;
    return NULL;
}

static void wake(int bits, int expected) {
    int before = woken;
    printf("wake %d: %ld\n", bits, syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, bits));
    while (woken < before + expected) sched_yield();
}

int main(void) {
    pthread_t threads[3];
    for (long i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, waiter, (void *)i);
        while (!tids[i]) sched_yield();
        until_asleep(tids[i]);
    }
    wake(8, 0);
    wake(4, 1);
    wake(1, 1);
    wake(-1, 1);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    printf("%d %d %d\n", order[0], order[1], order[2]);
}
