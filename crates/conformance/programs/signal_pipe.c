// build: glibc musl
#include "conformance.h"
#include "sockets.h"

static atomic_int handled;
static void on(int signal) { handled++; }

int main(void) {
    int p[2], s[2];
    signal(SIGPIPE, on);
    MUST(pipe(p));
    close(p[0]);
    VALUE(write(p[1], "x", 1));
    VALUE(handled);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    close(s[0]);
    VALUE(send(s[1], "x", 1, MSG_NOSIGNAL));
    VALUE(handled);
    VALUE(send(s[1], "x", 1, 0));
    VALUE(handled);
    signal(SIGPIPE, SIG_IGN);
    VALUE(write(p[1], "x", 1));
    VALUE(handled);
    signal(SIGPIPE, SIG_DFL);
    printf("and now it ends\n");
    write(p[1], "x", 1);
    printf("not reached\n");
}
