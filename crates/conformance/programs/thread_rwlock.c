// build: glibc musl
#include "conformance.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t all_in;
static long a, b, torn;

static void *read_together(void *argument) {
    pthread_rwlock_rdlock(&lock);
    pthread_barrier_wait(&all_in);
    pthread_rwlock_unlock(&lock);
    return NULL;
}

static void *mixed(void *argument) {
    for (int i = 0; i < 5000; i++) {
        if ((i + (long)argument) % 8 == 0) {
            pthread_rwlock_wrlock(&lock);
            a++;
            b++;
        } else {
            pthread_rwlock_rdlock(&lock);
            if (a != b) torn++;
        }
        pthread_rwlock_unlock(&lock);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[4];
    pthread_barrier_init(&all_in, NULL, 4);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, read_together, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("four readers at once\n");
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], NULL, mixed, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("writes %ld %ld, torn reads %ld\n", a, b, torn);
    RETURNS(pthread_rwlock_rdlock(&lock));
    RETURNS(pthread_rwlock_trywrlock(&lock));
    RETURNS(pthread_rwlock_tryrdlock(&lock));
}
