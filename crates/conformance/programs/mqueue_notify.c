// Who is told of a message: once, of one that comes to an empty queue where nobody waits.
#include "conformance.h"
#include <mqueue.h>

static atomic_int told;
static siginfo_t last;

static void handler(int signal, siginfo_t *info, void *context) {
    last = *info;
    told++;
}

static void *receiver(void *queue) {
    char text[64];
    mq_receive(*(mqd_t *)queue, text, sizeof text, NULL);
    return NULL;
}

static void *interrupted(void *queue) {
    char text[64];
    errno = 0;
    ssize_t got = mq_receive(*(mqd_t *)queue, text, sizeof text, NULL);
    printf("interrupted: %zd %s\n", got, error_name(errno));
    return NULL;
}

static void nothing(int signal) {}

int main(void) {
    struct mq_attr limits = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mqd_t queue;
    mq_unlink("/conformance-notify");
    WORKS(queue = mq_open("/conformance-notify", O_RDWR | O_CREAT, 0600, &limits));
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 4711};
    struct sigevent none = {.sigev_notify = SIGEV_NONE}, odd = {.sigev_notify = 77}, beyond = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    VALUE(mq_notify(queue, &odd));
    VALUE(mq_notify(queue, &beyond));
    VALUE(mq_notify(99, &event));
    VALUE(mq_notify(1, &event));
    VALUE(mq_notify(queue, &event));
    VALUE(mq_notify(queue, &event));
    VALUE(mq_notify(queue, NULL));
    VALUE(mq_notify(queue, NULL));
    VALUE(mq_notify(queue, &event));
    VALUE(mq_send(queue, "x", 1, 0));
    VALUE(told);
    FACT(last.si_code == SI_MESGQ && last.si_value.sival_int == 4711 && last.si_pid == getpid() && last.si_uid == getuid());
    VALUE(mq_send(queue, "x", 1, 0));
    VALUE(told);
    // Not of a message that comes to others.
    VALUE(mq_notify(queue, &event));
    VALUE(mq_send(queue, "x", 1, 0));
    VALUE(told);
    char text[64];
    for (int i = 0; i < 3; i++) mq_receive(queue, text, sizeof text, NULL);
    VALUE(told);
    // Who waits comes first, and the process is still to be told.
    pthread_t thread;
    pthread_create(&thread, NULL, receiver, &queue);
    pause_ms(50);
    VALUE(mq_send(queue, "x", 1, 0));
    pthread_join(thread, NULL);
    VALUE(told);
    VALUE(mq_send(queue, "x", 1, 0));
    VALUE(told);
    mq_receive(queue, text, sizeof text, NULL);
    VALUE(mq_notify(queue, &none));
    VALUE(mq_notify(queue, &event));
    // Closing any descriptor of it takes the wish back.
    mqd_t other = mq_open("/conformance-notify", O_RDONLY);
    VALUE(mq_close(other));
    VALUE(mq_notify(queue, &event));
    mq_notify(queue, NULL);
    signal(SIGUSR2, nothing);
    siginterrupt(SIGUSR2, 1);
    pthread_create(&thread, NULL, interrupted, &queue);
    pause_ms(50);
    pthread_kill(thread, SIGUSR2);
    pthread_join(thread, NULL);
    VALUE(mq_unlink("/conformance-notify"));
    return 0;
}
