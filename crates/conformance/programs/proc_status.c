#include "conformance.h"
#include <sys/prctl.h>

static char text[8192];

static const char *field(const char *name) {
    static char values[4][256];
    static int next;
    char *value = values[next++ & 3];
    char key[64];
    snprintf(key, sizeof key, "\n%s:", name);
    char *at = strstr(text, key);
    if (!at) return "(none)";
    at += strlen(key);
    while (*at == '\t' || *at == ' ') at++;
    snprintf(value, 256, "%.*s", (int)strcspn(at, "\n"), at);
    return value;
}

static void load(const char *path) {
    int fd = MUST(open(path, O_RDONLY));
    text[0] = '\n';
    ssize_t got = read(fd, text + 1, sizeof text - 2);
    text[got + 1] = 0;
    close(fd);
}

static void *sleeper(void *tid) {
    prctl(PR_SET_NAME, "sleeping one");
    atomic_store((atomic_int *)tid, gettid());
    pause();
    return NULL;
}

// The lines of /proc/self/status that do not depend on the machine.
int main(void) {
    umask(0031);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 4);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGHUP, (void (*)(int))sleeper);
    raise(SIGUSR1);
    kill(getpid(), SIGRTMIN + 4);
    prctl(PR_SET_NAME, "a b:c)");
    load("/proc/self/status");
    const char *names[] = {"Name", "Umask", "State", "TracerPid", "Uid", "Gid", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt",
                           "CapInh", "CapAmb", "NoNewPrivs", "Seccomp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        // The two that C libraries keep for themselves are whatever the parent made of them.
        if (!strcmp(names[i], "SigIgn")) printf("SigIgn: %llx\n", strtoull(field("SigIgn"), NULL, 16) & ~0x180000000ull);
        else printf("%s: %s\n", names[i], field(names[i]));
    }
    FACT(atoi(field("Pid")) == getpid());
    FACT(atoi(field("Tgid")) == getpid());
    FACT(atoi(field("PPid")) == getppid());
    FACT(atoi(field("VmSize")) > 0 && strstr(field("VmSize"), " kB"));
    FACT(atoi(field("VmRSS")) > 0);
    FACT(atoi(field("VmHWM")) > 0);
    FACT(atoi(field("VmPeak")) >= atoi(field("VmSize")));
    FACT(atoi(field("FDSize")) >= 3);
    FACT(strcmp(field("voluntary_ctxt_switches"), "(none)") != 0);
    FACT(strcmp(field("nonvoluntary_ctxt_switches"), "(none)") != 0);
    FACT(strcmp(field("Cpus_allowed_list"), "(none)") != 0);
    MUST(setresgid(7, 8, 9));
    gid_t groups[] = {11, 12, 13};
    MUST(setgroups(3, groups));
    MUST(setresuid(1, 2, 3));
    load("/proc/self/status");
    printf("Uid: %s\nGid: %s\nGroups: %s\nCapEff: %s\n", field("Uid"), field("Gid"), field("Groups"), field("CapEff"));
    atomic_int tid = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, sleeper, &tid);
    while (!tid) sched_yield();
    until_asleep(tid);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    load(path);
    printf("%s, %s, threads %s\n", field("Name"), field("State"), field("Threads"));
    FACT(atoi(field("Pid")) == tid && atoi(field("Tgid")) == getpid());
}
