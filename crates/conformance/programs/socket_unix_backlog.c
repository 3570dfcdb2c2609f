// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "full"};

static void *blocked(void *argument) {
    (void)argument;
    int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    return (void *)(long)connect(fd, (void *)&name, sizeof name);
}

int main(void) {
    int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(bind(listener, (void *)&name, sizeof name));
    VALUE(listen(listener, 0));
    VALUE(connect(MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)), (void *)&name, sizeof name));
    VALUE(connect(MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)), (void *)&name, sizeof name));
    struct timeval limit = {0, 20000};
    int impatient = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(setsockopt(impatient, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    VALUE(connect(impatient, (void *)&name, sizeof name));
    // One who waits gets in when there is room.
    pthread_t thread;
    pthread_create(&thread, NULL, blocked, NULL);
    WORKS(accept(listener, NULL, NULL));
    WORKS(accept(listener, NULL, NULL));
    void *result;
    pthread_join(thread, &result);
    printf("%ld\n", (long)result);
    VALUE(shutdown(listener, SHUT_RD));
    VALUE(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, sizeof name));
    VALUE(accept(listener, NULL, NULL));
    int fresh = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(listen(fresh, 1));
    VALUE(accept(fresh, NULL, NULL));
    VALUE(shutdown(fresh, SHUT_RDWR));
    VALUE(send(fresh, "x", 1, MSG_NOSIGNAL));
    VALUE(connect(fresh, (void *)&(struct sockaddr_un){.sun_family = AF_INET}, sizeof name));
    VALUE(bind(fresh, (void *)&name, 2));
    VALUE(bind(fresh, (void *)&name, 2));
    VALUE(bind(fresh, (void *)&name, sizeof name));
}
