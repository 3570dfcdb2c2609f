#include "conformance.h"

static void *spin(void *argument) {
    for (;;) {
    }
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    printf("before\n");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    kill(getpid(), SIGKILL);
    printf("not reached\n");
}
