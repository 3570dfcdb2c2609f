#include "conformance.h"
#include <dirent.h>
#include <sys/prctl.h>

static atomic_int tids[3], stop;

static void *thread(void *arg) {
    int me = (int)(intptr_t)arg;
    char name[16];
    snprintf(name, sizeof name, "worker %d", me);
    prctl(PR_SET_NAME, name);
    tids[me] = gettid();
    while (!stop) pause_ms(1);
    return NULL;
}

static void show(const char *path) {
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s\n", error_name(errno));
        return;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    printf("%zd '%.*s'\n", got, (int)strcspn(text, "\n"), text);
}

static int threads(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    while ((entry = readdir(dir))) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

// /proc/self/task, names of threads, and changing them through files.
int main(void) {
    prctl(PR_SET_NAME, "main one");
    VALUE(threads());
    pthread_t all[3];
    for (int i = 0; i < 3; i++) pthread_create(&all[i], NULL, thread, (void *)(intptr_t)i);
    for (int i = 0; i < 3; i++)
        while (!tids[i]) sched_yield();
    VALUE(threads());
    char path[64];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/proc/self/task/%d/comm", tids[i]);
        show(path);
    }
    int fd = MUST(open(path, O_WRONLY));
    VALUE(write(fd, "by file", 7));
    close(fd);
    show(path);
    char name[16];
    pthread_getname_np(all[2], name, sizeof name);
    printf("%s\n", name);
    RETURNS(pthread_setname_np(all[1], "by the library"));
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", tids[1]);
    show(path);
    RETURNS(pthread_setname_np(all[1], "a name that is too long"));
    fd = MUST(open("/proc/self/comm", O_RDWR));
    VALUE(write(fd, "a name that is much too long", 28));
    close(fd);
    show("/proc/self/comm");
    prctl(PR_GET_NAME, name);
    printf("%s\n", name);
    show("/proc/thread-self/comm");
    snprintf(path, sizeof path, "/proc/%d/comm", getpid());
    show(path);
    show("/proc/self/task/999999/comm");
    show("/proc/self/task/0/comm");
    show("/proc/999999999/comm");
    stop = 1;
    for (int i = 0; i < 3; i++) pthread_join(all[i], NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d", tids[0]);
    // The join may come a little before the end.
    while (access(path, F_OK) == 0) sched_yield();
    VALUE(threads());
}
