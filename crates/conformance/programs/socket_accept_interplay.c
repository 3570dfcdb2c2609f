// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static atomic_int tid;
static int listener;
static void *accept_one(void *argument) {
    tid = gettid();
    int fd = accept(listener, NULL, NULL);
    return (void *)(long)(fd < 0 ? errno : 0);
}

int main(void) {
    struct sockaddr_in address;
    listener = tcp_listener(&address, 4);
    // Connections are made before they are accepted, and what came over them stays.
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = MUST(socket(AF_INET, SOCK_STREAM, 0));
        MUST(connect(clients[i], (void *)&address, sizeof address));
        char byte = (char)('a' + i);
        MUST(send(clients[i], &byte, 1, 0));
    }
    close(clients[1]);
    for (int i = 0; i < 3; i++) {
        int fd = MUST(accept(listener, NULL, NULL));
        char bytes[4] = {0};
        ssize_t got = recv(fd, bytes, 1, MSG_WAITALL);
        printf("%zd %s\n", got, bytes);
        close(fd);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, accept_one, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    // Shutting a listener down ends the wait.
    VALUE(shutdown(listener, SHUT_RD));
    void *error;
    pthread_join(thread, &error);
    RETURNS((int)(long)error);
    close(listener);
    listener = tcp_listener(&address, 4);
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (void *)&address, sizeof address));
    // Closing a listener resets what nobody accepted.
    close(listener);
    char byte;
    until_readable(fd);
    VALUE(recv(fd, &byte, 1, 0));
}
