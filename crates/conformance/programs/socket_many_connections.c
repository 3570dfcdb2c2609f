// build: glibc musl
#include "conformance.h"
#include "sockets.h"
#include <sys/epoll.h>

static struct sockaddr_in address;
static void *client(void *argument) {
    char bytes[16];
    long ok = 0;
    for (int i = 0; i < 50; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&address, sizeof address) == 0 && send(fd, "ping", 4, 0) == 4 &&
            recv(fd, bytes, 4, MSG_WAITALL) == 4 && recv(fd, bytes, 1, 0) == 0)
            ok++;
        close(fd);
    }
    return (void *)ok;
}

int main(void) {
    int listener = tcp_listener(&address, 64), ep = MUST(epoll_create1(0)), served = 0;
    fcntl(listener, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[16];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, client, NULL);
    while (served < 400) {
        int n = epoll_wait(ep, events, 16, 10000);
        if (n <= 0) break;
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd, fresh;
            if (fd == listener) {
                while ((fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    event = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fresh};
                    epoll_ctl(ep, EPOLL_CTL_ADD, fresh, &event);
                }
                continue;
            }
            char bytes[16];
            ssize_t got = recv(fd, bytes, 16, 0);
            if (got == 4) {
                send(fd, bytes, 4, 0);
                served++;
                close(fd);
            }
        }
    }
    long ok = 0;
    for (int i = 0; i < 8; i++) {
        void *value;
        pthread_join(threads[i], &value);
        ok += (long)value;
    }
    printf("served %d, answered %ld\n", served, ok);
}
