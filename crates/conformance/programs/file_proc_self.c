// build: glibc musl
#include "conformance.h"
#include <dirent.h>

static char text[1 << 16];
static const char *slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    memset(text, 0, sizeof text);
    if (fd < 0) return error_name(errno);
    size_t have = 0;
    ssize_t got;
    while (have < sizeof text - 1 && (got = read(fd, text + have, sizeof text - 1 - have)) > 0) have += (size_t)got;
    close(fd);
    return text;
}

static int probe;

static int entries(void) {
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory && readdir(directory)) count++;
    if (directory) closedir(directory);
    return count;
}

int main(int count, char **arguments) {
    FACT(strcmp(slurp("/proc/self/cmdline"), arguments[0]) == 0);
    slurp("/proc/self/environ");
    FACT(memmem(text, sizeof text, "HOME=/", 7) != NULL);
    slurp("/proc/self/maps");
    FACT(strstr(text, "[stack]") != NULL);
    FACT(strstr(text, "[heap]") != NULL || malloc(100000) != NULL);
    FACT(strstr(slurp("/proc/self/maps"), "r-xp") != NULL);
    unsigned long from, to;
    int found = 0;
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from <= (unsigned long)&probe && (unsigned long)&probe < to)
            found = strncmp(strchr(line, ' ') + 1, "rw-p", 4) == 0;
    }
    FACT(found);
    slurp("/proc/self/status");
    FACT(strstr(text, "Threads:\t1\n") != NULL);
    FACT(strstr(text, "VmRSS:") != NULL);
    FACT(strstr(text, "SigBlk:\t0000000000000000\n") != NULL);
    FACT(strstr(text, "Uid:\t0\t0\t0\t0\n") != NULL);
    int pid = 0;
    sscanf(slurp("/proc/self/stat"), "%d ", &pid);
    FACT(pid == getpid());
    int pages = 0;
    sscanf(slurp("/proc/self/statm"), "%d", &pages);
    FACT(pages > 0);
    char target[4096] = {0}, own[4096] = {0};
    FACT(readlink("/proc/self/exe", target, sizeof target) > 0 && target[0] == '/');
    FACT(access(target, X_OK) == 0);
    FACT(readlink("/proc/self/cwd", target, sizeof target) > 0 && strcmp(target, getcwd(own, sizeof own)) == 0);
    FACT(readlink("/proc/self/root", target, sizeof target) == 1 && target[0] == '/');
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    write(fd, "content", 7);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(target, 0, sizeof target);
    readlink(path, target, sizeof target);
    FACT(strcmp(strrchr(target, '/'), "/file") == 0);
    printf("%s\n", slurp(path));
    VALUE(access("/proc/self/fd/77", F_OK));
    // The host's runner may have left descriptors open, so entries are compared and not counted.
    int more = entries();
    dup(fd);
    more = entries() - more;
    VALUE(more);
    VALUE(access("/proc/self/task", F_OK));
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", gettid());
    FACT(strlen(slurp(path)) > 1);
    VALUE(open("/proc/self/absent", O_RDONLY));
    VALUE(open("/proc/self/stat", O_CREAT | O_EXCL | O_RDWR, 0600));
    VALUE(mkdir("/proc/x", 0700));
    FACT(strstr(slurp("/proc/self/limits"), "Max open files") != NULL);
}
