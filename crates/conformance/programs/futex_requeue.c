// build: glibc musl
#include "conformance.h"
#include "futex.h"

static atomic_int first, second, tids[5], woken;

static void *waiter(void *argument) {
    tids[(long)argument] = gettid();
    syscall(SYS_futex, &first, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    woken++;
    return NULL;
}

int main(void) {
    pthread_t threads[5];
    for (long i = 0; i < 5; i++) {
        pthread_create(&threads[i], NULL, waiter, (void *)i);
        while (!tids[i]) sched_yield();
        until_asleep(tids[i]);
    }
    VALUE(syscall(SYS_futex, &first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &second, 9));
    VALUE(syscall(SYS_futex, &first, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &second, 0));
    while (woken < 1) sched_yield();
    VALUE(syscall(SYS_futex, &second, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    while (woken < 3) sched_yield();
    VALUE(syscall(SYS_futex, &first, FUTEX_REQUEUE_PRIVATE, 0, INT_MAX, &second, 0));
    VALUE(syscall(SYS_futex, &first, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    VALUE(syscall(SYS_futex, &second, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
    printf("woken %d\n", woken);
}
