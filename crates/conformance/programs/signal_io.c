#include "conformance.h"
#include <sys/ioctl.h>
#include <sys/socket.h>

static siginfo_t last;
static volatile sig_atomic_t came;

static void note(int signal, siginfo_t *info, void *context) {
    last = *info;
    came++;
}

static void show(const char *what) {
    printf("%s: %d", what, came);
    if (came) printf(", signal %d code %d", last.si_signo, last.si_code);
    if (came && last.si_code == POLL_IN) printf(" band %#lx fd %s", last.si_band, last.si_fd > 2 ? "given" : "none");
    puts("");
    came = 0;
}

static void owner(int fd) {
    struct f_owner_ex who = {-1, -1};
    VALUE(fcntl(fd, F_GETOWN_EX, &who));
    printf("owner: kind %d %s\n", who.type,
           who.pid == 0 ? "nobody" : who.pid == getpid() ? "the process" : who.pid == getpgrp() ? "its group" : "other");
}

// Who is told by a signal that a descriptor is ready: F_SETOWN, F_SETSIG, O_ASYNC.
int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGIO, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN + 3, &action, NULL);
    int ends[2];
    char bytes[16];
    MUST(pipe2(ends, O_NONBLOCK));
    VALUE(fcntl(ends[0], F_GETOWN));
    owner(ends[0]);
    VALUE(fcntl(ends[0], F_GETSIG));
    FACT(fcntl(ends[0], F_SETOWN, getpid()) == 0);
    FACT(fcntl(ends[0], F_GETOWN) == getpid());
    owner(ends[0]);
    struct f_owner_ex who = {F_OWNER_TID, syscall(SYS_gettid)};
    VALUE(fcntl(ends[0], F_SETOWN_EX, &who));
    owner(ends[0]);
    who.type = 7;
    VALUE(fcntl(ends[0], F_SETOWN_EX, &who));
    who.type = F_OWNER_PID;
    who.pid = 3999999;
    VALUE(fcntl(ends[0], F_SETOWN_EX, &who));
    VALUE(fcntl(ends[0], F_SETOWN, 3999999));
    VALUE(fcntl(ends[0], F_SETOWN, 0));
    owner(ends[0]);
    VALUE(fcntl(ends[0], F_SETOWN, INT_MIN));
    VALUE(fcntl(ends[0], F_SETOWN_EX, (void *)8));
    VALUE(fcntl(ends[0], F_SETSIG, 65));
    VALUE(fcntl(ends[0], F_SETSIG, -1));
    VALUE(fcntl(ends[0], F_SETSIG, SIGUSR1));
    VALUE(fcntl(ends[0], F_GETSIG) == SIGUSR1);
    VALUE(fcntl(ends[0], F_SETSIG, 0));

    puts("-- a pipe");
    MUST(fcntl(ends[0], F_SETOWN, getpid()));
    MUST(write(ends[1], "x", 1));
    show("not asked for");
    VALUE(fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC));
    FACT(fcntl(ends[0], F_GETFL) & O_ASYNC);
    MUST(write(ends[1], "x", 1));
    show("SIGIO");
    MUST(read(ends[0], bytes, sizeof bytes));
    show("after a read");
    VALUE(fcntl(ends[0], F_SETSIG, SIGUSR1));
    MUST(write(ends[1], "x", 1));
    show("SIGUSR1");
    VALUE(fcntl(ends[0], F_SETSIG, SIGRTMIN + 3));
    MUST(write(ends[1], "x", 1));
    show("realtime");
    who.type = F_OWNER_TID;
    who.pid = syscall(SYS_gettid);
    VALUE(fcntl(ends[0], F_SETOWN_EX, &who));
    MUST(write(ends[1], "x", 1));
    show("a thread");
    VALUE(fcntl(ends[0], F_SETOWN, 0));
    MUST(write(ends[1], "x", 1));
    show("nobody");
    MUST(fcntl(ends[0], F_SETOWN, getpid()));
    VALUE(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    FACT(fcntl(ends[0], F_GETFL) & O_ASYNC);
    MUST(write(ends[1], "x", 1));
    show("not any more");
    int on = 1;
    VALUE(ioctl(ends[0], FIOASYNC, &on));
    FACT(fcntl(ends[0], F_GETFL) & O_ASYNC);
    MUST(write(ends[1], "x", 1));
    show("by ioctl");

    puts("-- a socket");
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    MUST(fcntl(pair[0], F_SETOWN, getpid()));
    MUST(fcntl(pair[0], F_SETSIG, SIGUSR1));
    MUST(fcntl(pair[0], F_SETFL, O_ASYNC));
    MUST(write(pair[1], "y", 1));
    show("a datagram");

    puts("-- a file");
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(fcntl(file, F_SETFL, O_ASYNC));
    FACT(fcntl(file, F_GETFL) & O_ASYNC);
}
