// A descriptor of a process that runs can be watched, and never becomes ready.
#include "conformance.h"
#include <sys/epoll.h>

int main(void) {
    int pidfd = MUST(syscall(SYS_pidfd_open, getpid(), 0)), set = MUST(epoll_create1(0));
    struct epoll_event event = {EPOLLIN | EPOLLOUT};
    VALUE(epoll_ctl(set, EPOLL_CTL_ADD, pidfd, &event));
    VALUE(epoll_wait(set, &event, 1, 10));
    struct pollfd poll_one = {pidfd, POLLIN};
    VALUE(poll(&poll_one, 1, 10));
    VALUE(epoll_ctl(set, EPOLL_CTL_DEL, pidfd, NULL));
    return 0;
}
