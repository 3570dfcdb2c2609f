// build: glibc musl
#include "conformance.h"
#include "futex.h"

static atomic_int word, tids[4], woken;
static long futex(void *at, int op, int value, void *timeout, void *second, int third) {
    return syscall(SYS_futex, at, op, value, timeout, second, third);
}

static void *waiter(void *argument) {
    tids[(long)argument] = gettid();
    long result = futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    if (result != 0) printf("wait: %ld\n", result);
    woken++;
    return NULL;
}

int main(void) {
    VALUE(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    pthread_t threads[4];
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], NULL, waiter, (void *)i);
    for (int i = 0; i < 4; i++) {
        while (!tids[i]) sched_yield();
        until_asleep(tids[i]);
    }
    VALUE(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("woken %d\n", woken);
}
