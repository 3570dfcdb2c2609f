// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    int outer = MUST(epoll_create1(0)), inner = MUST(epoll_create1(0)), fd = MUST(eventfd(0, EFD_NONBLOCK));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 1}, got;
    VALUE(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event));
    event.data.u32 = 2;
    VALUE(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
    VALUE(epoll_wait(outer, &got, 1, 0));
    uint64_t one = 1;
    write(fd, &one, 8);
    VALUE(epoll_wait(outer, &got, 1, 1000));
    printf("%u %#x\n", got.data.u32, got.events);
    struct pollfd p = {outer, POLLIN, 0};
    VALUE(poll(&p, 1, 0));
    VALUE(epoll_wait(inner, &got, 1, 0));
    printf("%u %#x\n", got.data.u32, got.events);
    read(fd, &one, 8);
    VALUE(epoll_wait(outer, &got, 1, 0));
    VALUE(poll(&p, 1, 0));
    VALUE(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event));
    VALUE(epoll_ctl(inner, EPOLL_CTL_ADD, inner, &event));
    VALUE(close(inner));
    VALUE(epoll_wait(outer, &got, 1, 0));
}
