// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>

static int ep;
static void look(const char *what) {
    struct epoll_event events[8];
    int n = epoll_wait(ep, events, 8, 0);
    printf("%s: %d", what, n);
    for (int i = 0; i < n; i++) printf(" %#x", events[i].events);
    printf("\n");
}

int main(void) {
    int pipes[2];
    char bytes[16];
    MUST(pipe2(pipes, O_NONBLOCK));
    ep = MUST(epoll_create1(0));
    struct epoll_event in = {.events = EPOLLIN | EPOLLET};
    write(pipes[1], "a", 1);
    epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &in);
    look("ready when added");
    look("again");
    write(pipes[1], "b", 1);
    look("more data");
    look("again");
    VALUE(read(pipes[0], bytes, 1));
    look("partly read");
    write(pipes[1], "c", 1);
    write(pipes[1], "d", 1);
    look("two writes, one event");
    look("again");
    VALUE(read(pipes[0], bytes, 16));
    VALUE(read(pipes[0], bytes, 16));
    look("drained");
    write(pipes[1], "e", 1);
    look("new data");
    epoll_ctl(ep, EPOLL_CTL_MOD, pipes[0], &in);
    look("modified while ready");
    look("again");
    close(pipes[1]);
    look("hung up");
    look("again");
}
