// build: glibc musl pie
#include "conformance.h"
#include "sockets.h"

static const size_t total = 24 << 20;
static int s[2];
static void *send_all(void *argument) {
    static char block[65536];
    size_t done = 0;
    while (done < total) {
        for (size_t i = 0; i < sizeof block; i++) block[i] = (char)((done + i) * 2654435761u >> 13);
        size_t at = 0;
        while (at < sizeof block) {
            ssize_t sent = send(s[0], block + at, sizeof block - at, 0);
            if (sent <= 0) return NULL;
            at += (size_t)sent;
        }
        done += sizeof block;
    }
    shutdown(s[0], SHUT_WR);
    return NULL;
}

int main(void) {
    tcp_pair(s);
    pthread_t thread;
    pthread_create(&thread, NULL, send_all, NULL);
    static char block[40000];
    size_t got_total = 0, bad = 0;
    ssize_t got;
    while ((got = recv(s[1], block, sizeof block, 0)) > 0) {
        for (ssize_t i = 0; i < got; i++) bad += block[i] != (char)((got_total + (size_t)i) * 2654435761u >> 13);
        got_total += (size_t)got;
    }
    pthread_join(thread, NULL);
    printf("received %zu, bad %zu, end %zd\n", got_total, bad, got);
}
