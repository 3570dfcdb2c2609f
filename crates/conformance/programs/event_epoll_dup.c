#include "conformance.h"
#include <sys/epoll.h>

// What is watched is the open file, under the descriptor it had: a duplicate keeps the event coming.
int main(void) {
    int ep = MUST(epoll_create1(0)), pipes[2];
    MUST(pipe(pipes));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5}, got[4];
    epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event);
    int copy = dup(pipes[0]);
    event.data.u32 = 6;
    VALUE(epoll_ctl(ep, EPOLL_CTL_ADD, copy, &event));
    write(pipes[1], "x", 1);
    VALUE(epoll_wait(ep, got, 4, 0));
    close(pipes[0]);
    VALUE(epoll_wait(ep, got, 4, 0));
    close(copy);
    VALUE(epoll_wait(ep, got, 4, 0));
    // Fairness: with room for one event, all are seen in turn.
    int many[3][2], seen[3] = {0};
    for (int i = 0; i < 3; i++) {
        pipe(many[i]);
        write(many[i][1], "x", 1);
        event.data.u32 = (unsigned)i;
        epoll_ctl(ep, EPOLL_CTL_ADD, many[i][0], &event);
    }
    for (int i = 0; i < 6; i++) {
        epoll_wait(ep, got, 1, 0);
        seen[got[0].data.u32]++;
    }
    printf("%d %d %d\n", seen[0], seen[1], seen[2]);
}
