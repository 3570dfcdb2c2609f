// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    static char block[1 << 16];
    tcp_pair(s);
    fcntl(s[0], F_SETFL, O_NONBLOCK);
    size_t sent_total = 0, got_total = 0;
    ssize_t n;
    while ((n = send(s[0], block, sizeof block, 0)) > 0) sent_total += (size_t)n;
    printf("full: %zd %s\n", n, error_name(errno));
    FACT(sent_total > 0);
    struct pollfd p = {s[0], POLLOUT, 0};
    // What is in flight may still move over: until the writer finds no room for a while.
    while (poll(&p, 1, 50) == 1 && (n = send(s[0], block, sizeof block, 0)) > 0) sent_total += (size_t)n;
    while ((n = recv(s[1], block, sizeof block, MSG_DONTWAIT)) > 0) got_total += (size_t)n;
    VALUE(poll(&p, 1, 5000));
    printf("%#x\n", p.revents);
    shutdown(s[0], SHUT_WR);
    while ((n = recv(s[1], block, sizeof block, 0)) > 0) got_total += (size_t)n;
    FACT(sent_total == got_total);
}
