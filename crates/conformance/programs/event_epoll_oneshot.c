// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    int ep = MUST(epoll_create1(0)), fd = MUST(eventfd(3, EFD_NONBLOCK));
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd}, got;
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) );
    VALUE(epoll_wait(ep, &got, 1, 0));
    VALUE(epoll_wait(ep, &got, 1, 0));
    uint64_t one = 1;
    write(fd, &one, 8);
    VALUE(epoll_wait(ep, &got, 1, 0));
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
    VALUE(epoll_wait(ep, &got, 1, 0));
    VALUE(epoll_wait(ep, &got, 1, 0));
    event.events = EPOLLOUT | EPOLLIN | EPOLLONESHOT | EPOLLET;
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
    VALUE(epoll_wait(ep, &got, 1, 0));
    printf("%#x\n", got.events);
    VALUE(epoll_wait(ep, &got, 1, 0));
}
