// build: glibc musl pie
#include "conformance.h"
#include "sockets.h"

static void *serve(void *argument) {
    int fd = MUST(accept(*(int *)argument, NULL, NULL));
    char bytes[256];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) send(fd, bytes, (size_t)got, 0);
    close(fd);
    return (void *)got;
}

int main(void) {
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 5);
    pthread_t thread;
    pthread_create(&thread, NULL, serve, &listener);
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(connect(fd, (void *)&address, sizeof address));
    char bytes[64];
    for (int i = 0; i < 3; i++) {
        snprintf(bytes, sizeof bytes, "message %d", i);
        size_t length = strlen(bytes);
        VALUE(send(fd, bytes, length, 0));
        memset(bytes, 0, sizeof bytes);
        VALUE(recv(fd, bytes, length, MSG_WAITALL));
        printf("%s\n", bytes);
    }
    VALUE(write(fd, "w", 1));
    VALUE(read(fd, bytes, 1));
    VALUE(shutdown(fd, SHUT_WR));
    VALUE(read(fd, bytes, 1));
    void *end;
    pthread_join(thread, &end);
    printf("server saw %ld\n", (long)end);
    VALUE(close(fd));
}
