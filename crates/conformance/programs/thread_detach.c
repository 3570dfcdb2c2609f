// build: glibc musl
#include "conformance.h"
#include <semaphore.h>

static sem_t done;
static void *work(void *argument) {
    if (argument) pthread_detach(pthread_self());
    sem_post(&done);
    return NULL;
}

int main(void) {
    sem_init(&done, 0, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    RETURNS(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    int made = 0;
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        made += pthread_create(&thread, i % 2 ? &attributes : NULL, work, (void *)(long)(i % 2 == 0)) == 0;
        sem_wait(&done);
    }
    printf("made %d\n", made);
}
