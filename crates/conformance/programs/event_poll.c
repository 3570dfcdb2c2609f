// build: glibc musl pie
#include "conformance.h"

static void show(const char *what, struct pollfd *p, int n, int timeout) {
    int result = poll(p, (nfds_t)n, timeout);
    printf("%s: %d", what, result);
    for (int i = 0; i < n; i++) printf(" %#x", p[i].revents);
    printf("\n");
}

int main(void) {
    int pipes[2];
    MUST(pipe(pipes));
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600)), null = MUST(open("/dev/null", O_RDWR));
    struct pollfd p[4] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT, 0}, {-1, POLLIN, 7}, {file, POLLIN | POLLOUT, 0}};
    show("pipe, none, file", p, 4, 1000);
    struct pollfd only = {pipes[0], POLLIN, 0};
    double begin = monotonic();
    show("time out", &only, 1, 30);
    FACT(monotonic() - begin >= 0.03);
    write(pipes[1], "x", 1);
    show("data", &only, 1, -1);
    only.events = POLLIN | POLLRDNORM | POLLPRI;
    show("kinds of data", &only, 1, -1);
    only.fd = 999;
    show("not open", &only, 1, -1);
    only.fd = pipes[0];
    close(pipes[1]);
    show("data and hang-up", &only, 1, -1);
    char byte;
    read(pipes[0], &byte, 1);
    show("hang-up", &only, 1, -1);
    struct pollfd device = {null, POLLIN | POLLOUT, 0};
    show("null", &device, 1, -1);
    VALUE(poll(NULL, 0, 20));
    VALUE(poll((void *)8, 1, 0));
    VALUE(poll(&only, 1u << 30, 0));
    // The writing end whose reader has gone.
    MUST(pipe(pipes));
    close(pipes[0]);
    struct pollfd writer = {pipes[1], POLLOUT, 0};
    show("no reader", &writer, 1, -1);
}
