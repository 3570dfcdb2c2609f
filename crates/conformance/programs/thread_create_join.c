// build: glibc musl pie
#include "conformance.h"

static void *square(void *argument) {
    long n = (long)argument;
    return (void *)(n * n);
}

static void *leave(void *argument) { pthread_exit((void *)77); }

int main(void) {
    pthread_t threads[32];
    for (long i = 0; i < 32; i++) RETURNS(pthread_create(&threads[i], NULL, square, (void *)i));
    long sum = 0;
    for (int i = 0; i < 32; i++) {
        void *value;
        pthread_join(threads[i], &value);
        sum += (long)value;
    }
    printf("sum %ld\n", sum);
    void *value;
    pthread_create(&threads[0], NULL, leave, NULL);
    RETURNS(pthread_join(threads[0], &value));
    printf("value %ld\n", (long)value);
    FACT(gettid() == getpid());
}
