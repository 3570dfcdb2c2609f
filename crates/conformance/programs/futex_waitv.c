// Waiting for any of several futexes.
#include "conformance.h"
#include <linux/futex.h>

struct entry { uint64_t value, address; uint32_t flags, reserved; };
enum { FUTEX_U32 = 2, PRIVATE = 128 };

static uint32_t words[3] = {1, 2, 3};

static long waitv(struct entry *list, unsigned count, unsigned flags, struct timespec *time, int clock) {
    return syscall(449, list, count, flags, time, clock);
}

static void fill(struct entry *list) {
    for (int i = 0; i < 3; i++) list[i] = (struct entry){words[i], (uintptr_t)&words[i], FUTEX_U32 | PRIVATE, 0};
}

static void *wake_second(void *tid) {
    until_asleep(*(pid_t *)tid);
    syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return NULL;
}

static void handler(int signal) {}

static void *interrupt(void *tid) {
    until_asleep(*(pid_t *)tid);
    kill(getpid(), SIGUSR1);
    return NULL;
}

int main(void) {
    struct entry list[3], bad[3];
    struct timespec past = {0, 1}, odd = {0, 2000000000};
    fill(list);
    VALUE(waitv(list, 3, 0, &past, CLOCK_MONOTONIC));
    VALUE(waitv(list, 3, 0, &past, CLOCK_REALTIME));
    VALUE(waitv(list, 3, 0, &odd, CLOCK_MONOTONIC));
    VALUE(waitv(list, 3, 0, &past, CLOCK_BOOTTIME));
    VALUE(waitv(list, 0, 0, &past, CLOCK_MONOTONIC));
    VALUE(waitv(list, 129, 0, &past, CLOCK_MONOTONIC));
    VALUE(waitv(list, 3, 1, &past, CLOCK_MONOTONIC));
    VALUE(waitv(NULL, 3, 0, &past, CLOCK_MONOTONIC));
    VALUE(waitv((struct entry *)8, 3, 0, &past, CLOCK_MONOTONIC));
    VALUE(waitv(list, 3, 0, (struct timespec *)8, CLOCK_MONOTONIC));
    memcpy(bad, list, sizeof bad);
    bad[1].value = 9;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    bad[1].value = 1ull << 40;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    fill(bad);
    bad[2].reserved = 1;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    fill(bad);
    bad[0].flags = 0;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    fill(bad);
    bad[0].flags |= 1 << 20;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    fill(bad);
    bad[0].address += 1;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));
    fill(bad);
    bad[0].address = 4096;
    VALUE(waitv(bad, 3, 0, NULL, CLOCK_MONOTONIC));

    pid_t tid = gettid();
    pthread_t thread;
    pthread_create(&thread, NULL, wake_second, &tid);
    VALUE(waitv(list, 3, 0, NULL, CLOCK_MONOTONIC));
    pthread_join(thread, NULL);
    // Nobody is left behind in the other queues.
    for (int i = 0; i < 3; i++) VALUE(syscall(SYS_futex, &words[i], FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));

    signal(SIGUSR1, handler);
    siginterrupt(SIGUSR1, 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, interrupt, &tid);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    VALUE(waitv(list, 3, 0, NULL, CLOCK_MONOTONIC));
    pthread_join(thread, NULL);

    // A futex that could be shared is asked of its memory even to be woken; a private one is not.
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(syscall(SYS_futex, page, FUTEX_WAKE, 1, NULL, NULL, 0));
    VALUE(syscall(SYS_futex, page, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    VALUE(syscall(SYS_futex, &words[0], FUTEX_REQUEUE, 1, 1, page, 0));
    VALUE(syscall(SYS_futex, &words[0], FUTEX_REQUEUE_PRIVATE, 1, 1, page, 0));
    return 0;
}
