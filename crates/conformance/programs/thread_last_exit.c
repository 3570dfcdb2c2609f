#include "conformance.h"

static void *late(void *argument) {
    pthread_join(*(pthread_t *)argument, NULL);
    printf("last thread\n");
    return NULL;
}

static void at_exit(void) { printf("at exit\n"); }

int main(void) {
    static pthread_t first;
    first = pthread_self();
    atexit(at_exit);
    pthread_t thread;
    pthread_create(&thread, NULL, late, &first);
    pthread_exit(NULL);
}
