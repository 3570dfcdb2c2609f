// build: glibc musl
#include "conformance.h"

// exit_group ends threads that sleep, spin and wait.
static atomic_int ready;
static void *spin(void *argument) {
    ready++;
    for (;;) {
    }
}
static void *sleep_long(void *argument) {
    ready++;
    sleep(1000);
    return NULL;
}
static void *wait_input(void *argument) {
    int pipes[2];
    char byte;
    MUST(pipe(pipes));
    ready++;
    read(pipes[0], &byte, 1);
    return NULL;
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    pthread_create(&thread, NULL, sleep_long, NULL);
    pthread_create(&thread, NULL, wait_input, NULL);
    while (ready != 3) sched_yield();
    printf("leaving\n");
    return 42;
}
