#include "conformance.h"
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

int main(void) {
    char name[17] = "";
    VALUE(prctl(PR_SET_NAME, "0123456789abcdefXYZ"));
    VALUE(prctl(PR_GET_NAME, name));
    printf("'%s'\n", name);
    VALUE(prctl(PR_SET_NAME, ""));
    VALUE(prctl(PR_GET_NAME, name));
    printf("'%s'\n", name);
    VALUE(prctl(PR_SET_NAME, 8));
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_SET_DUMPABLE, 0));
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_SET_DUMPABLE, 2));
    VALUE(prctl(PR_SET_DUMPABLE, 1));
    int signal = -1;
    VALUE(prctl(PR_GET_PDEATHSIG, &signal));
    VALUE(signal);
    VALUE(prctl(PR_SET_PDEATHSIG, SIGHUP));
    VALUE(prctl(PR_GET_PDEATHSIG, &signal));
    VALUE(signal);
    VALUE(prctl(PR_SET_PDEATHSIG, 65));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_SET_KEEPCAPS, 1));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_SET_KEEPCAPS, 2));
    VALUE(prctl(PR_GET_TIMERSLACK));
    VALUE(prctl(PR_SET_TIMERSLACK, 1000));
    VALUE(prctl(PR_GET_TIMERSLACK));
    VALUE(prctl(PR_SET_TIMERSLACK, 0));
    VALUE(prctl(PR_GET_TIMERSLACK));
    VALUE(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int reaper = -1;
    VALUE(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
    VALUE(reaper);
    VALUE(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    VALUE(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    VALUE(prctl(PR_CAPBSET_READ, 0));
    VALUE(prctl(PR_CAPBSET_READ, 40));
    VALUE(prctl(PR_CAPBSET_READ, 64));
    VALUE(prctl(PR_CAPBSET_DROP, 23));
    VALUE(prctl(PR_CAPBSET_READ, 23));
    VALUE(prctl(PR_CAPBSET_DROP, 64));
    VALUE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 5, 0, 0));
    VALUE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    VALUE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0));
    VALUE(prctl(PR_GET_SECCOMP));
    unsigned tsc = 0;
    VALUE(prctl(PR_GET_TSC, &tsc));
    VALUE(tsc);
    VALUE(prctl(PR_GET_FPEMU, &tsc));
    VALUE(prctl(PR_GET_UNALIGN, &tsc));
    VALUE(prctl(PR_GET_TIMING));
    VALUE(prctl(PR_SET_TIMING, 0));
    VALUE(prctl(PR_SET_TIMING, 1));
    VALUE(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    VALUE(prctl(12345));
    VALUE(prctl(PR_GET_NAME, 8));
}
