// build: glibc musl
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
    int ep = MUST(epoll_create1(0)), fd = MUST(eventfd(0, 0)), file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    struct epoll_event event = {.events = EPOLLIN}, got[4];
    VALUE(epoll_create(0));
    VALUE(epoll_create1(1));
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_DEL, file, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, 0, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, file, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &event));
    VALUE(epoll_ctl(999, EPOLL_CTL_ADD, fd, &event));
    VALUE(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &event));
    VALUE(epoll_ctl(ep, 7, fd, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, fd, NULL));
    VALUE(epoll_wait(ep, got, 0, 0));
    VALUE(epoll_wait(ep, got, -1, 0));
    VALUE(epoll_wait(fd, got, 1, 0));
    VALUE(epoll_wait(999, got, 1, 0));
    VALUE(read(ep, got, sizeof got));
    VALUE(write(ep, got, sizeof got));
    uint64_t one = 1;
    write(fd, &one, 8);
    VALUE(epoll_wait(ep, (void *)8, 1, 0));
    VALUE(epoll_wait(ep, got, 1, 0));
    event.events = EPOLLEXCLUSIVE | EPOLLIN;
    VALUE(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
    int other = dup(fd);
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, other, &event));
    event.events = EPOLLEXCLUSIVE | EPOLLONESHOT;
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, dup(fd), &event));
}
