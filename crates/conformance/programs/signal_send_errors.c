#include "conformance.h"

static void caught(int signal, siginfo_t *info, void *context) {
    printf("signal %d code %d value %d\n", signal == SIGUSR1, info->si_code, info->si_value.sival_int);
}

// Whom and what can be sent a signal.
int main(void) {
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = getpid(), tid = gettid();
    siginfo_t info = {.si_code = SI_QUEUE};
    info.si_value.sival_int = 5;
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info));
    VALUE(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGUSR1, &info));
    // To itself a process may send anything.
    info.si_code = SI_USER;
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info));
    info.si_code = 123;
    VALUE(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGUSR1, &info));
    info.si_code = SI_QUEUE;
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, 0, &info));
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, 65, &info));
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, -1, &info));
    VALUE(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, (void *)8));
    VALUE(syscall(SYS_rt_sigqueueinfo, 0x3fffffff, SIGUSR1, &info));
    VALUE(syscall(SYS_rt_tgsigqueueinfo, 0x3fffffff, tid, SIGUSR1, &info));
    VALUE(syscall(SYS_rt_tgsigqueueinfo, pid, 0x3fffffff, SIGUSR1, &info));
    VALUE(syscall(SYS_rt_tgsigqueueinfo, pid, 0, SIGUSR1, &info));
    VALUE(syscall(SYS_rt_tgsigqueueinfo, 0, tid, SIGUSR1, &info));
    VALUE(syscall(SYS_tgkill, pid, tid, SIGUSR1));
    VALUE(syscall(SYS_tgkill, pid, tid, 0));
    VALUE(syscall(SYS_tgkill, pid, tid, 65));
    VALUE(syscall(SYS_tgkill, pid, -1, SIGUSR1));
    VALUE(syscall(SYS_tgkill, -1, tid, SIGUSR1));
    VALUE(syscall(SYS_tgkill, pid, 0x3fffffff, SIGUSR1));
    VALUE(syscall(SYS_tgkill, 0x3fffffff, tid, SIGUSR1));
    VALUE(syscall(SYS_tkill, tid, SIGUSR1));
    VALUE(syscall(SYS_tkill, 0, SIGUSR1));
    VALUE(syscall(SYS_tkill, 0x3fffffff, SIGUSR1));
    VALUE(kill(pid, 0));
    VALUE(kill(pid, 65));
    VALUE(kill(pid, SIGUSR1));
    VALUE(kill(0x3fffffff, SIGUSR1));
    VALUE(kill(-0x3fffffff, SIGUSR1));
}
