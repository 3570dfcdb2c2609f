#include "conformance.h"
#include <linux/futex.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static uint32_t word;
static atomic_int tid, order;

static long op(int operation, uint32_t value, void *time) { return syscall(SYS_futex, &word, operation, value, time, NULL, 0); }

static void *contender(void *unused) {
    tid = gettid();
    long result = op(FUTEX_LOCK_PI, 0, NULL);
    order++;
    int mine = (word & FUTEX_TID_MASK) == (uint32_t)gettid();
    long unlocked = op(FUTEX_UNLOCK_PI, 0, NULL);
    return (void *)(intptr_t)(result * 100 + unlocked * 10 + mine);
}

static void *owner_forever(void *unused) {
    op(FUTEX_LOCK_PI, 0, NULL);
    tid = gettid();
    pause();
}

static void describe(const char *what) {
    printf("%s: owner %s%s%s\n", what, (word & FUTEX_TID_MASK) == 0 ? "none" : (word & FUTEX_TID_MASK) == (uint32_t)gettid() ? "me" : "other",
           word & FUTEX_WAITERS ? " waiters" : "", word & FUTEX_OWNER_DIED ? " died" : "");
}

int main(void) {
    VALUE(op(FUTEX_LOCK_PI, 0, NULL));
    describe("locked");
    VALUE(op(FUTEX_LOCK_PI, 0, NULL));
    VALUE(op(FUTEX_TRYLOCK_PI, 0, NULL));
    VALUE(op(FUTEX_UNLOCK_PI, 0, NULL));
    describe("unlocked");
    VALUE(op(FUTEX_UNLOCK_PI, 0, NULL));
    VALUE(op(FUTEX_TRYLOCK_PI, 0, NULL));
    describe("tried");
    // Others stand in line; giving it back gives it to the first.
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        tid = 0;
        pthread_create(&threads[i], NULL, contender, NULL);
        while (!tid) sched_yield();
        until_asleep(tid);
    }
    describe("contended");
    VALUE(op(FUTEX_UNLOCK_PI, 0, NULL));
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        printf("contender: %ld\n", (long)(intptr_t)result);
    }
    VALUE(order);
    FACT((word & FUTEX_TID_MASK) == 0);
    // Another holds it.
    word = 0;
    tid = 0;
    pthread_create(&threads[0], NULL, owner_forever, NULL);
    while (!tid) sched_yield();
    VALUE(op(FUTEX_TRYLOCK_PI, 0, NULL));
    VALUE(op(FUTEX_UNLOCK_PI, 0, NULL));
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += 20000000;
    if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
    VALUE(op(FUTEX_LOCK_PI, 0, &when));
    describe("timed out");
    clock_gettime(CLOCK_MONOTONIC, &when);
    VALUE(op(FUTEX_LOCK_PI2, 0, &when));
    when.tv_nsec = 1000000000;
    VALUE(op(FUTEX_LOCK_PI, 0, &when));
    // Nobody has this number.
    word = 0x3ffffff;
    VALUE(op(FUTEX_LOCK_PI, 0, NULL));
    VALUE(op(FUTEX_TRYLOCK_PI, 0, NULL));
    VALUE(op(FUTEX_UNLOCK_PI, 0, NULL));
    VALUE(syscall(SYS_futex, (char *)&word + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    VALUE(syscall(SYS_futex, 8, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    VALUE(syscall(SYS_futex, 8, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}
