// build: glibc musl
#include "conformance.h"
#include <semaphore.h>

static sem_t items, room;
static int ring[8], head, tail;

static void *produce(void *argument) {
    for (int i = 1; i <= 5000; i++) {
        sem_wait(&room);
        ring[head++ % 8] = i;
        sem_post(&items);
    }
    return NULL;
}

int main(void) {
    sem_init(&items, 0, 0);
    sem_init(&room, 0, 8);
    pthread_t thread;
    pthread_create(&thread, NULL, produce, NULL);
    long sum = 0, out_of_order = 0;
    for (int i = 1; i <= 5000; i++) {
        sem_wait(&items);
        int got = ring[tail++ % 8];
        sum += got;
        out_of_order += got != i;
        sem_post(&room);
    }
    pthread_join(thread, NULL);
    printf("sum %ld, out of order %ld\n", sum, out_of_order);
    VALUE(sem_trywait(&items));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    VALUE(sem_timedwait(&items, &limit));
    int value;
    sem_getvalue(&room, &value);
    printf("room %d\n", value);
}
