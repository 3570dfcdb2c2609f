// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    int s[2];
    char bytes[64];
    signal(SIGPIPE, SIG_IGN);
    tcp_pair(s);
    VALUE(send(s[0], "last", 4, 0));
    VALUE(shutdown(s[0], SHUT_WR));
    VALUE(send(s[0], "x", 1, 0));
    VALUE(recv(s[1], bytes, 64, MSG_WAITALL));
    VALUE(recv(s[1], bytes, 64, 0));
    VALUE(recv(s[1], bytes, 64, 0));
    // The other direction still works.
    VALUE(send(s[1], "answer", 6, 0));
    VALUE(recv(s[0], bytes, 6, MSG_WAITALL));
    VALUE(shutdown(s[1], SHUT_WR));
    VALUE(recv(s[0], bytes, 64, 0));
    VALUE(shutdown(s[0], 9));
    close(s[0]);
    close(s[1]);
    tcp_pair(s);
    VALUE(shutdown(s[0], SHUT_RD));
    VALUE(recv(s[0], bytes, 64, 0));
    VALUE(send(s[0], "still", 5, 0));
    VALUE(recv(s[1], bytes, 5, MSG_WAITALL));
    VALUE(shutdown(s[0], SHUT_RDWR));
    VALUE(send(s[0], "x", 1, MSG_NOSIGNAL));
    VALUE(recv(s[1], bytes, 64, 0));
    int fresh = MUST(socket(AF_INET, SOCK_STREAM, 0));
    VALUE(shutdown(fresh, SHUT_WR));
}
