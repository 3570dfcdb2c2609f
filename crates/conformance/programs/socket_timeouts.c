// build: glibc musl
#include "conformance.h"
#include "sockets.h"
#include <sys/time.h>

int main(void) {
    int s[2];
    char bytes[8];
    tcp_pair(s);
    struct timeval limit = {0, 40000}, got;
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    socklen_t length = sizeof got;
    VALUE(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &length));
    printf("%ld s %ld us\n", (long)got.tv_sec, (long)got.tv_usec);
    double begin = monotonic();
    VALUE(recv(s[0], bytes, 8, 0));
    double took = monotonic() - begin;
    FACT(took >= 0.039 && took < 5);
    struct sockaddr_in address;
    int udp = udp_socket(&address);
    setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    VALUE(recv(udp, bytes, 8, 0));
    int listener = tcp_listener(&address, 1);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    VALUE(accept(listener, NULL, NULL));
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    static char block[1 << 20];
    ssize_t sent;
    while ((sent = send(s[0], block, sizeof block, 0)) > 0) {
    }
    printf("%zd %s\n", sent, error_name(errno));
    limit.tv_usec = 1000000;
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, 4));
}
