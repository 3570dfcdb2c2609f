#include "conformance.h"
#include <sys/wait.h>

static void caught(int signal, siginfo_t *info, void *context) {
    printf("caught, code %d value %d mine %d\n", info->si_code, info->si_value.sival_int, info->si_pid == getpid());
}

// The process by a descriptor of itself.
int main(void) {
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    int fd = MUST(syscall(SYS_pidfd_open, getpid(), 0));
    FACT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct pollfd p = {fd, POLLIN, 0};
    VALUE(poll(&p, 1, 0));
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_value.sival_int = 42;
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    info.si_signo = SIGUSR2;
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0));
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", getpid());
    VALUE(syscall(SYS_pidfd_send_signal, MUST(open(path, O_DIRECTORY)), SIGUSR1, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, MUST(open("/proc", O_DIRECTORY)), SIGUSR1, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0x100));
    VALUE(syscall(SYS_pidfd_send_signal, 99, SIGUSR1, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, 0, SIGUSR1, NULL, 0));
    VALUE(syscall(SYS_pidfd_open, 0, 0));
    VALUE(syscall(SYS_pidfd_open, -1, 0));
    VALUE(syscall(SYS_pidfd_open, 0x3fffffff, 0));
    VALUE(syscall(SYS_pidfd_open, getpid(), 1));
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    MUST(write(file, "same", 4));
    int copy = MUST(syscall(SYS_pidfd_getfd, fd, file, 0));
    FACT(copy != file);
    VALUE(lseek(copy, 0, SEEK_CUR));
    VALUE(fcntl(copy, F_GETFD));
    VALUE(syscall(SYS_pidfd_getfd, fd, 99, 0));
    VALUE(syscall(SYS_pidfd_getfd, file, file, 0));
    VALUE(syscall(SYS_pidfd_getfd, fd, file, 1));
    char c;
    VALUE(read(fd, &c, 1));
    siginfo_t child;
    VALUE(waitid(P_PIDFD, fd, &child, WEXITED));
    int nonblocking = MUST(syscall(SYS_pidfd_open, getpid(), O_NONBLOCK));
    FACT(fcntl(nonblocking, F_GETFL) & O_NONBLOCK);
}
