#include "conformance.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/resource.h>

static char text[65536];

static ssize_t load(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return -errno;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got >= 0) text[got] = 0;
    return got;
}

extern char **environ;

// cmdline, environ, auxv, limits, cgroup, oom_score_adj and the like, as runtimes read them.
int main(int argc, char **argv) {
    ssize_t got = load("/proc/self/cmdline");
    FACT(got == (ssize_t)strlen(argv[0]) + 1 && !strcmp(text, argv[0]));
    got = load("/proc/self/environ");
    size_t at = 0;
    int same = 1;
    for (char **e = environ; *e; e++) {
        same &= !strcmp(text + at, *e);
        at += strlen(text + at) + 1;
    }
    FACT(same && (ssize_t)at == got);
    got = load("/proc/self/auxv");
    FACT(got % 16 == 0);
    for (Elf64_auxv_t *a = (void *)text; (char *)a < text + got && a->a_type; a++)
        if (a->a_type == AT_PAGESZ || a->a_type == AT_PHDR || a->a_type == AT_ENTRY)
            printf("%s %d\n", a->a_type == AT_PAGESZ ? "page size" : a->a_type == AT_PHDR ? "headers" : a->a_type == AT_ENTRY ? "entry" : "random",
                   getauxval(a->a_type) == a->a_un.a_val);
    struct rlimit limit = {123, 456};
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    load("/proc/self/limits");
    char *line = strstr(text, "Max open files");
    FACT(line != NULL);
    printf("%.*s\n", (int)strcspn(line, "\n"), line);
    line = strstr(text, "Max stack size");
    FACT(line && strstr(line, "bytes"));
    printf("%.*s\n", (int)strcspn(text, "\n"), text);
    FACT(load("/proc/self/cgroup") > 0 && strchr(text, ':'));
    FACT(load("/proc/self/mountinfo") > 0 && strstr(text, " / / "));
    FACT(strstr(text, " - proc proc "));
    FACT(load("/proc/self/mounts") > 0 && strstr(text, " /proc proc "));
    FACT(load("/proc/mounts") > 0 && strstr(text, " /proc proc "));
    load("/proc/self/oom_score_adj");
    printf("oom_score_adj %d\n", atoi(text));
    int fd = MUST(open("/proc/self/oom_score_adj", O_RDWR));
    VALUE(write(fd, "500\n", 4));
    close(fd);
    load("/proc/self/oom_score_adj");
    printf("oom_score_adj %d\n", atoi(text));
    fd = MUST(open("/proc/self/oom_score_adj", O_RDWR));
    VALUE(write(fd, "5000", 4));
    VALUE(write(fd, "words", 5));
    close(fd);
    load("/proc/self/coredump_filter");
    printf("coredump_filter %.8s\n", text);
    FACT(load("/proc/self/schedstat") > 0);
    load("/proc/self/personality");
    printf("personality %.8s\n", text);
    FACT(load("/proc/self/wchan") >= 0);
    VALUE(load("/proc/self/nothing"));
    VALUE(open("/proc/self/status", O_WRONLY | O_CREAT, 0600) >= -1);
    VALUE(open("/proc/self/new", O_WRONLY | O_CREAT, 0600));
    VALUE(mkdir("/proc/self/dir", 0700));
    VALUE(unlink("/proc/self/status"));
    VALUE(truncate("/proc/self/status", 0));
}
