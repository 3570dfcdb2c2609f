// build: glibc musl
#include "conformance.h"
#include <sys/signalfd.h>

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct signalfd_siginfo info[4];
    VALUE(read(fd, info, sizeof info));
    raise(SIGUSR1);
    raise(SIGUSR1);
    union sigval value = {.sival_int = 17};
    sigqueue(getpid(), SIGRTMIN + 1, value);
    value.sival_int = 18;
    sigqueue(getpid(), SIGRTMIN + 1, value);
    struct pollfd p = {fd, POLLIN, 0};
    VALUE(poll(&p, 1, 0));
    ssize_t got = read(fd, info, sizeof info);
    printf("%zd signals\n", got / (ssize_t)sizeof info[0]);
    for (int i = 0; i < got / (ssize_t)sizeof info[0]; i++) {
        printf("%s code %d value %d mine %d\n", info[i].ssi_signo == SIGUSR1 ? "USR1" : "RT1", info[i].ssi_code,
               info[i].ssi_signo == SIGUSR1 ? 0 : info[i].ssi_int, info[i].ssi_pid == (unsigned)getpid());
    }
    VALUE(poll(&p, 1, 0));
    VALUE(read(fd, info, 10));
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    FACT(signalfd(fd, &set, 0) == fd);
    raise(SIGUSR2);
    VALUE(read(fd, info, sizeof info) / (ssize_t)sizeof info[0]);
    FACT(info[0].ssi_signo == SIGUSR2);
    VALUE(signalfd(0, &set, 0));
    VALUE(signalfd(99, &set, 0));
    VALUE(signalfd(-1, &set, 1));
}
