#include "conformance.h"
#include <linux/futex.h>

static uint32_t word;
static atomic_int tid, handled;

static void handler(int signal) { handled++; }

static void *contender(void *unused) {
    tid = gettid();
    long result = syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    int mine = (word & FUTEX_TID_MASK) == (uint32_t)gettid();
    return (void *)(intptr_t)(result == 0 ? mine : -1);
}

static void *dies(void *unused) {
    syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    tid = gettid();
    while (!handled) sched_yield();
    return NULL;
}

// Waiting for a priority-inheriting lock is never ended by a signal, even without SA_RESTART; and an owner's end passes it on.
int main(void) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    MUST(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    pthread_t thread, other;
    void *got;
    pthread_create(&thread, NULL, contender, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    for (int i = 1; i <= 3; i++) {
        pthread_kill(thread, SIGUSR1);
        while (handled < i) sched_yield();
        until_asleep(tid);
    }
    VALUE(handled);
    MUST(syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pthread_join(thread, &got);
    printf("contender: %ld\n", (long)(intptr_t)got);
    word = 0;
    handled = tid = 0;
    pthread_create(&other, NULL, dies, NULL);
    while (!tid) sched_yield();
    tid = 0;
    pthread_create(&thread, NULL, contender, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    handled = 1;
    pthread_join(other, NULL);
    pthread_join(thread, &got);
    printf("after the owner's end: %ld, died %d\n", (long)(intptr_t)got, !!(word & FUTEX_OWNER_DIED));
}
