#include "conformance.h"

static void *fault(void *argument) {
    *(volatile int *)argument = 1;
    return NULL;
}

int main(void) {
    pthread_t thread;
    printf("before\n");
    pthread_create(&thread, NULL, fault, NULL);
    pthread_join(thread, NULL);
    printf("not reached\n");
}
