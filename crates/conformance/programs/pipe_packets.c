#include "conformance.h"
#include <sys/ioctl.h>

static void read_up_to(int fd, int count) {
    char bytes[20000];
    ssize_t got = read(fd, bytes, count);
    if (got < 0) printf("read %d: %s\n", count, error_name(errno));
    else printf("read %d: %zd '%.*s'\n", count, got, got > 20 ? 20 : (int)got, bytes);
}

// Packets in pipes: O_DIRECT in pipe(2).
int main(void) {
    static char big[20000] __attribute__((aligned(4096)));
    memset(big, 'x', sizeof big);
    int ends[2];
    MUST(pipe2(ends, O_DIRECT | O_NONBLOCK));
    FACT(fcntl(ends[0], F_GETFL) & O_DIRECT);
    FACT(fcntl(ends[1], F_GETFL) & O_DIRECT);
    VALUE(write(ends[1], "one", 3));
    VALUE(write(ends[1], "two", 3));
    VALUE(write(ends[1], "", 0));
    VALUE(write(ends[1], "three", 5));
    int held = 0;
    MUST(ioctl(ends[0], FIONREAD, &held));
    printf("held %d\n", held);
    read_up_to(ends[0], 100);
    read_up_to(ends[0], 2);
    read_up_to(ends[0], 100);
    read_up_to(ends[0], 100);
    // More than PIPE_BUF is several packets.
    VALUE(write(ends[1], big, 10000));
    read_up_to(ends[0], 20000);
    read_up_to(ends[0], 20000);
    read_up_to(ends[0], 20000);
    read_up_to(ends[0], 20000);
    // A packet takes a place, however small it is.
    int count = 0;
    while (write(ends[1], "p", 1) == 1) count++;
    printf("%d packets, then %s\n", count, error_name(errno));
    struct pollfd writer = {ends[1], POLLOUT};
    VALUE(poll(&writer, 1, 0));
    read_up_to(ends[0], 10);
    VALUE(poll(&writer, 1, 0));
    VALUE(write(ends[1], "q", 1));
    while (read(ends[0], big, 1) == 1) {
    }
    // The mode can be changed; it is the writer's.
    VALUE(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    VALUE(write(ends[1], "ab", 2));
    VALUE(write(ends[1], "cd", 2));
    VALUE(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT));
    VALUE(write(ends[1], "ef", 2));
    VALUE(write(ends[1], "gh", 2));
    read_up_to(ends[0], 3);
    read_up_to(ends[0], 100);
    read_up_to(ends[0], 100);
    // vectors are one packet
    struct iovec parts[] = {{"12", 2}, {"345", 3}};
    VALUE(writev(ends[1], parts, 2));
    read_up_to(ends[0], 4);
    read_up_to(ends[0], 4);
    VALUE(close(ends[1]));
    read_up_to(ends[0], 4);
    // How much vmsplice takes: what there is room for.
    MUST(pipe(ends));
    MUST(fcntl(ends[1], F_SETPIPE_SZ, 4096));
    struct iovec all = {big, sizeof big};
    long took = vmsplice(ends[1], &all, 1, 0);
    FACT(took == 4096);
    VALUE(pipe2(ends, 0x40));
}
