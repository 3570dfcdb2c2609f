// build: glibc musl
#include "conformance.h"
#include <sys/prctl.h>

int main(void) {
    FACT(getpid() > 0 && getpid() == gettid());
    FACT(getppid() >= 0);
    FACT(getpgrp() >= 0 && getsid(0) >= 0);
    printf("%u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
    uid_t r, e, s;
    VALUE(getresuid(&r, &e, &s));
    printf("%u %u %u\n", r, e, s);
    VALUE(setuid(0));
    VALUE(setgid(0));
    FACT(getgroups(0, NULL) >= 0);
    char name[16] = {0};
    VALUE(prctl(PR_SET_NAME, "a name longer than it may be"));
    VALUE(prctl(PR_GET_NAME, name));
    printf("%s\n", name);
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_PDEATHSIG, SIGTERM));
    int signal = 0;
    VALUE(prctl(PR_GET_PDEATHSIG, &signal));
    FACT(signal == SIGTERM);
    VALUE(prctl(PR_SET_PDEATHSIG, 0));
    VALUE(prctl(9999));
    VALUE(syscall(SYS_personality, 0xffffffff));
}
