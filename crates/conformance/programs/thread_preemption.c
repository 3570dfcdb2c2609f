// build: glibc musl
#include "conformance.h"

// Threads that never call the kernel still let each other run.
static atomic_int flag, other_flag;
static void *spin(void *argument) {
    while (!flag) {
    }
    other_flag = 1;
    return NULL;
}

static volatile int stop;
static volatile long progress[3];
static void *grind(void *argument) {
    long me = (long)argument;
    while (!stop) progress[me]++;
    return NULL;
}

int main(void) {
    pthread_t thread, more[3];
    pthread_create(&thread, NULL, spin, NULL);
    for (volatile int i = 0; i < 1000; i++) {
    }
    flag = 1;
    while (!other_flag) {
    }
    pthread_join(thread, NULL);
    printf("both spun\n");
    for (long i = 0; i < 3; i++) pthread_create(&more[i], NULL, grind, (void *)i);
    double begin = monotonic();
    while (progress[0] < 1000 || progress[1] < 1000 || progress[2] < 1000) {
    }
    stop = 1;
    for (int i = 0; i < 3; i++) pthread_join(more[i], NULL);
    FACT(monotonic() - begin < 10);
}
