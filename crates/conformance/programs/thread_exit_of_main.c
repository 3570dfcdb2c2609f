// build: glibc musl
#include "conformance.h"

// The process lives as long as a thread does.
static pthread_t first;
static void *outlive(void *argument) {
    pthread_join(first, NULL);
    printf("main is gone\n");
    exit(5);
}

int main(void) {
    first = pthread_self();
    pthread_t thread;
    pthread_create(&thread, NULL, outlive, NULL);
    pthread_exit(NULL);
}
