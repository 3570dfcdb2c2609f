#include "conformance.h"
#include "inotify.h"
#include <sys/epoll.h>
#include <sys/ioctl.h>

static int fd;

static void *reader(void *tid) {
    atomic_store((atomic_int *)tid, gettid());
    char buffer[4096];
    ssize_t got = read(fd, buffer, sizeof buffer);
    struct inotify_event *event = (struct inotify_event *)buffer;
    printf("woken by '%s', %zd bytes\n", event->name, got);
    return NULL;
}

// Sizes, readiness, blocking, and equal events that become one.
int main(void) {
    MUST(mkdir("dir", 0700));
    fd = MUST(inotify_init1(IN_NONBLOCK));
    MUST(inotify_add_watch(fd, "dir", IN_CREATE | IN_MODIFY));
    struct pollfd p = {fd, POLLIN, 0};
    VALUE(poll(&p, 1, 0));
    int file = MUST(creat("dir/file", 0600));
    VALUE(poll(&p, 1, 0));
    int size = -1;
    VALUE(ioctl(fd, FIONREAD, &size));
    printf("%d bytes wait\n", size);
    char buffer[64];
    VALUE(read(fd, buffer, 16));
    VALUE(read(fd, buffer, 31));
    VALUE(read(fd, buffer, 32));
    VALUE(read(fd, buffer, 32));
    VALUE(write(fd, buffer, 1));
    VALUE(lseek(fd, 0, SEEK_CUR));
    for (int i = 0; i < 5; i++) MUST(write(file, "x", 1));
    VALUE(ioctl(fd, FIONREAD, &size));
    printf("%d bytes wait\n", size);
    VALUE(read(fd, buffer, sizeof buffer));

    int epoll = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    VALUE(epoll_wait(epoll, &event, 1, 0));
    MUST(write(file, "x", 1));
    VALUE(epoll_wait(epoll, &event, 1, 1000));
    VALUE(epoll_wait(epoll, &event, 1, 0));
    VALUE(read(fd, buffer, sizeof buffer));

    MUST(fcntl(fd, F_SETFL, 0));
    atomic_int tid = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, reader, &tid);
    while (!tid) sched_yield();
    until_asleep(tid);
    MUST(close(MUST(creat("dir/late", 0600))));
    pthread_join(thread, NULL);
}
