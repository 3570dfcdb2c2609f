// build: glibc musl
#include <netinet/tcp.h>
#include "conformance.h"
#include "sockets.h"

static char piece[32768];

/* Reads all that is there and checks that it goes on where it ended. */
static long drain(int fd, long at) {
    static char bytes[65536];
    long count, wrong = 0;
    while ((count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        for (long i = 0; i < count; i++, at++)
            wrong += bytes[i] != (char)(at % sizeof piece % 251);
    if (wrong)
        printf("%ld bytes are wrong before %ld\n", wrong, at);
    return at;
}

/* Pushes `total` bytes through a corked connection, in pieces that fill buffers exactly, by poll alone: a cork that holds back what there is
   no more room behind shows as seconds of waiting. */
static void bulk(int s[2], long total) {
    long sent = 0, got = 0;
    while (got < total) {
        while (sent < total) {
            long offset = sent % (long)sizeof piece;
            long count = send(s[0], piece + offset, sizeof piece - offset, MSG_DONTWAIT);
            if (count < 0)
                break;
            sent += count;
        }
        struct pollfd fds[] = {{s[0], sent < total ? POLLOUT : 0, 0}, {s[1], POLLIN, 0}};
        if (poll(fds, 2, 10000) <= 0) {
            puts("stalled");
            return;
        }
        got = drain(s[1], got);
        if (sent == total) {
            int off = 0;
            setsockopt(s[0], IPPROTO_TCP, TCP_CORK, &off, sizeof off);
        }
    }
    VALUE(got);
}

int main(void) {
    int s[2], on = 1, off = 0;
    struct timespec begin, end;
    char bytes[8];
    for (unsigned i = 0; i < sizeof piece; i++)
        piece[i] = (char)(i % 251);
    tcp_pair(s);
    VALUE(setsockopt(s[0], IPPROTO_TCP, TCP_CORK, &on, sizeof on));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    bulk(s, 16 << 20);
    clock_gettime(CLOCK_MONOTONIC, &end);
    VALUE(end.tv_sec - begin.tv_sec < 15);
    /* A cork is no dam: what is behind it leaves in the end. */
    VALUE(setsockopt(s[0], IPPROTO_TCP, TCP_CORK, &on, sizeof on));
    VALUE(send(s[0], "abc", 3, 0));
    until_readable(s[1]);
    VALUE(recv(s[1], bytes, sizeof bytes, 0));
    VALUE(send(s[0], "def", 3, 0));
    VALUE(setsockopt(s[0], IPPROTO_TCP, TCP_CORK, &off, sizeof off));
    VALUE(recv(s[1], bytes, sizeof bytes, 0));
    VALUE(send(s[0], "ghi", 3, MSG_MORE));
    VALUE(shutdown(s[0], SHUT_WR));
    VALUE(recv(s[1], bytes, sizeof bytes, MSG_WAITALL));
    VALUE(recv(s[1], bytes, sizeof bytes, 0));
}
