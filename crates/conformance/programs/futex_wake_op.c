#include "conformance.h"
#include "futex.h"

static atomic_int first, second, tid, woken;
static void *waiter(void *argument) {
    tid = gettid();
    syscall(SYS_futex, argument, FUTEX_WAIT_PRIVATE, *(int *)argument, NULL, NULL, 0);
    woken++;
    return NULL;
}

int main(void) {
    VALUE(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
    printf("second %d\n", second);
    VALUE(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, FUTEX_OP(FUTEX_OP_OR, 2, FUTEX_OP_CMP_GT, 100)));
    printf("second %d\n", second);
    pthread_t thread;
    pthread_create(&thread, NULL, waiter, &second);
    while (!tid) sched_yield();
    until_asleep(tid);
    VALUE(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_LT, 3)));
    VALUE(syscall(SYS_futex, &first, FUTEX_WAKE_OP_PRIVATE, 1, 1, &second, FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LT, 3)));
    pthread_join(thread, NULL);
    printf("second %d, woken %d\n", second, woken);
}
