// Of several who wait at a futex, the one of the highest realtime priority is woken first, and of equal ones who came first.
#include "conformance.h"
#include <linux/futex.h>

static uint32_t word, other;
static int order[5], count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int tids[5];

static void *waiter(void *arg) {
    int me = (int)(long)arg;
    tids[me] = gettid();
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    pthread_mutex_lock(&lock);
    order[count++] = me;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void play(int requeued) {
    static const int priorities[5] = {10, 30, 20, 30, 10};
    pthread_t threads[5];
    count = 0;
    for (long i = 0; i < 5; i++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
        struct sched_param param = {priorities[i]};
        pthread_attr_setschedparam(&attributes, &param);
        tids[i] = 0;
        if (pthread_create(&threads[i], &attributes, waiter, (void *)i)) exit(98);
        while (!tids[i]) sched_yield();
        until_asleep(tids[i]);
    }
    uint32_t *at = &word;
    if (requeued) {
        VALUE(syscall(SYS_futex, &word, FUTEX_REQUEUE_PRIVATE, 0, 9, &other, 0));
        at = &other;
    }
    for (int i = 0; i < 5; i++) {
        VALUE(syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
        for (;;) {
            pthread_mutex_lock(&lock);
            int done = count > i;
            pthread_mutex_unlock(&lock);
            if (done) break;
            pause_ms(1);
        }
    }
    for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 5; i++) printf("%d ", order[i]);
    puts("");
}

int main(void) {
    play(0);
    play(1);
    return 0;
}
