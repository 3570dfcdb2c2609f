// build: glibc musl
#include "conformance.h"
#include "sockets.h"
#include "futex.h"
#include <semaphore.h>
#include <sys/epoll.h>

static atomic_int handled;
static void on(int signal) { handled++; }

static pthread_t main_thread;
static pid_t main_tid;
static int pipes[2];
static sem_t go;

// Interrupts the main thread in its sleep, and then lets it go on.
static void *interrupt(void *argument) {
    for (;;) {
        sem_wait(&go);
        int before = handled;
        until_asleep(main_tid);
        pthread_kill(main_thread, SIGUSR1);
        while (handled == before) sched_yield();
        until_asleep(main_tid);
        if (argument) write(pipes[1], "x", 1);
    }
}

static void act(int flags) {
    struct sigaction action = {.sa_handler = on, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
}

#define INTERRUPTED(call) do { sem_post(&go); VALUE(call); } while (0)

int main(void) {
    main_thread = pthread_self();
    main_tid = gettid();
    MUST(pipe(pipes));
    sem_init(&go, 0, 0);
    pthread_t thread;
    char byte;
    struct sockaddr_in address;
    int s[2], listener = tcp_listener(&address, 1), udp = udp_socket(&address), ep = epoll_create1(0), word = 0;
    tcp_pair(s);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    pthread_create(&thread, NULL, interrupt, (void *)1);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    act(SA_RESTART);
    INTERRUPTED(read(pipes[0], &byte, 1));
    act(0);
    struct pollfd p = {s[0], POLLIN, 0};
    struct epoll_event event;
    struct timespec long_time = {1000, 0};
    INTERRUPTED(read(pipes[0], &byte, 1));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(recv(s[0], &byte, 1, 0));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(recv(udp, &byte, 1, 0));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(accept(listener, NULL, NULL));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(nanosleep(&long_time, NULL));
    VALUE(read(pipes[0], &byte, 1));
    // These are never restarted, whatever the handler's flags.
    act(SA_RESTART);
    INTERRUPTED(poll(&p, 1, -1));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(epoll_wait(ep, &event, 1, -1));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(nanosleep(&long_time, NULL));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &long_time, NULL, 0));
    VALUE(read(pipes[0], &byte, 1));
    INTERRUPTED(pause());
    VALUE(read(pipes[0], &byte, 1));
    VALUE(handled);
}
