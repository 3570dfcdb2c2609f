// What a program may no more once it is not the superuser: priorities, locked memory, names.
#include "conformance.h"
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

static int set(int policy, int priority) {
    struct sched_param param = {priority};
    return sched_setscheduler(0, policy, &param);
}

static void locked(void) {
    char line[128];
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file)) if (!strncmp(line, "VmLck", 5)) fputs(line, stdout);
    fclose(file);
}

int main(void) {
    char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(mlock(memory, 100 << 10));
    locked();
    VALUE(mlock(memory + 4096, 8192));
    VALUE(munlock(memory + 4096, 4096));
    locked();
    VALUE(munlockall());
    locked();
    VALUE(set(SCHED_FIFO, 10));
    struct rlimit limit = {64 << 10, 64 << 10};
    VALUE(setrlimit(RLIMIT_MEMLOCK, &limit));
    struct rlimit none = {0, 0};
    VALUE(setrlimit(RLIMIT_RTPRIO, &none));
    VALUE(setrlimit(RLIMIT_NICE, &none));
    VALUE(mlock(memory, 128 << 10));
    VALUE(munlockall());
    prctl(PR_SET_DUMPABLE, 1);
    VALUE(setresuid(65534, 65534, 65534));
    VALUE(set(SCHED_FIFO, 20));
    VALUE(set(SCHED_FIFO, 5));
    VALUE(set(SCHED_RR, 5));
    VALUE(set(SCHED_OTHER, 0));
    VALUE(set(SCHED_FIFO, 1));
    VALUE(setpriority(PRIO_PROCESS, 0, 5));
    VALUE(setpriority(PRIO_PROCESS, 0, 4));
    VALUE(nice(-1));
    VALUE(mlock(memory, 64 << 10));
    VALUE(mlock(memory, 128 << 10));
    VALUE(mlock2(memory, 128 << 10, 0));
    FACT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EAGAIN);
    VALUE(mlockall(MCL_CURRENT));
    VALUE(munlockall());
    VALUE(sethostname("other", 5));
    VALUE(setdomainname("other", 5));
    VALUE(personality(0xffffffff));
    VALUE(personality(ADDR_NO_RANDOMIZE));
    VALUE(personality(PER_LINUX));
    VALUE(personality(0xffffffff));
    return 0;
}
