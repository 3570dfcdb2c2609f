// build: glibc musl pie
#include "conformance.h"
#include <sys/epoll.h>

static int ep;
static void look(const char *what) {
    struct epoll_event events[8];
    int n = epoll_wait(ep, events, 8, 0);
    printf("%s: %d", what, n);
    for (int i = 0; i < n; i++) printf(" [%lu %#x]", (unsigned long)events[i].data.u64, events[i].events);
    printf("\n");
}

int main(void) {
    int pipes[2];
    MUST(pipe(pipes));
    ep = MUST(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event in = {.events = EPOLLIN, .data.u64 = 1}, out = {.events = EPOLLOUT, .data.u64 = 2};
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &in));
    look("empty");
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, pipes[1], &out));
    look("writable");
    VALUE(epoll_ctl(ep, EPOLL_CTL_DEL, pipes[1], NULL));
    write(pipes[1], "abc", 3);
    look("readable");
    look("still readable");
    char bytes[8];
    VALUE(read(pipes[0], bytes, 2));
    look("one byte left");
    VALUE(read(pipes[0], bytes, 2));
    look("drained");
    close(pipes[1]);
    look("hung up");
    in.events = 0;
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, pipes[0], &in));
    look("hung up, nothing asked");
    close(pipes[0]);
    look("closed");
    VALUE(epoll_ctl(ep, EPOLL_CTL_DEL, pipes[0], NULL));
    MUST(pipe(pipes));
    in.events = EPOLLIN | EPOLLERR;
    out.events = EPOLLIN;
    epoll_ctl(ep, EPOLL_CTL_ADD, pipes[1], &out);
    look("other end open");
    close(pipes[0]);
    look("other end closed");
}
