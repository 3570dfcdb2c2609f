#include "conformance.h"

static int fds[3];
static atomic_int tids[3], order;

static int lock_by(int fd, int command, int type, int start, int len) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, command, &lock);
}

static void *waiter(void *arg) {
    int me = (int)(intptr_t)arg;
    tids[me] = gettid();
    int result = lock_by(fds[me], F_OFD_SETLKW, me == 1 ? F_RDLCK : F_WRLCK, me * 10, 10);
    order++;
    printf("waiter %d: %s\n", me, error_name(result ? errno : 0));
    return NULL;
}

static void nothing(int signal) {}

// Waiting for a lock: until it is free, or a signal comes.
int main(void) {
    for (int i = 0; i < 3; i++) fds[i] = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(lock_by(fds[0], F_OFD_SETLK, F_WRLCK, 10, 20));
    pthread_t threads[3];
    for (int i = 1; i < 3; i++) {
        pthread_create(&threads[i], NULL, waiter, (void *)(intptr_t)i);
        while (!tids[i]) sched_yield();
        until_asleep(tids[i]);
    }
    // A read lock in its place lets the first one in.
    int result = lock_by(fds[0], F_OFD_SETLK, F_RDLCK, 10, 10);
    pthread_join(threads[1], NULL);
    VALUE(result);
    FACT(order == 1);
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGUSR1, &action, NULL);
    until_asleep(tids[2]);
    pthread_kill(threads[2], SIGUSR1);
    pthread_join(threads[2], NULL);
    // With SA_RESTART it waits on.
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    tids[2] = 0;
    pthread_create(&threads[2], NULL, waiter, (void *)2);
    while (!tids[2]) sched_yield();
    until_asleep(tids[2]);
    pthread_kill(threads[2], SIGUSR1);
    until_asleep(tids[2]);
    FACT(order == 2);
    MUST(close(fds[0]));
    pthread_join(threads[2], NULL);
}
