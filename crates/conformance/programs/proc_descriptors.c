#include "conformance.h"
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/signalfd.h>
#include <sys/inotify.h>

static void link_of(const char *what, int fd) {
    char path[64], target[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0) {
        printf("%s: %s\n", what, error_name(errno));
        return;
    }
    target[len] = 0;
    // The numbers of inodes are the system's own, and where the folder is, too.
    char *bracket = strchr(target, '[');
    if (bracket && bracket[1] >= '0' && bracket[1] <= '9') strcpy(bracket, "[N]");
    char *slash = strstr(target, "/the file");
    printf("%s: %s\n", what, slash ? slash : target);
}

static void info(int fd) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "pos:", 4) || !strncmp(line, "flags:", 6) || !strncmp(line, "eventfd-count:", 14)) fputs(line, stdout);
    fclose(file);
}

int main(void) {
    int file = MUST(open("the file", O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600)), p[2], s[2];
    MUST(pipe(p));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    sigset_t set;
    sigemptyset(&set);
    link_of("file", file);
    link_of("pipe", p[0]);
    link_of("socket", s[0]);
    link_of("epoll", MUST(epoll_create1(0)));
    int event = MUST(eventfd(5, 0));
    link_of("eventfd", event);
    link_of("timerfd", MUST(timerfd_create(CLOCK_MONOTONIC, 0)));
    link_of("signalfd", MUST(signalfd(-1, &set, 0)));
    link_of("inotify", MUST(inotify_init()));
    link_of("memfd", MUST(memfd_create("a name", 0)));
    link_of("pidfd", MUST(syscall(SYS_pidfd_open, getpid(), 0)));
    link_of("null", MUST(open("/dev/null", O_RDONLY)));
    link_of("none", 999);
    MUST(write(file, "12345", 5));
    info(file);
    info(p[1]);
    info(event);
    MUST(rename("the file", "the file 2"));
    link_of("renamed", file);
    MUST(unlink("the file 2"));
    link_of("deleted", file);
    // Opened again by that name: a description of its own, though the name is gone.
    char path[64], data[8];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int again = MUST(open(path, O_RDONLY));
    VALUE(read(again, data, 8));
    VALUE(lseek(file, 0, SEEK_CUR));
    snprintf(path, sizeof path, "/dev/fd/%d", p[0]);
    int reader = MUST(open(path, O_RDONLY | O_NONBLOCK));
    MUST(write(p[1], "x", 1));
    VALUE(read(reader, data, 8));
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    int writer = MUST(open(path, O_WRONLY));
    VALUE(write(writer, "yz", 2));
    VALUE(read(reader, data, 8));
    snprintf(path, sizeof path, "/proc/self/fd/%d", s[0]);
    VALUE(open(path, O_RDONLY));
    // All that are open, and the one that reads the list.
    int listed = 0, mine = 0;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            listed++;
            mine += fcntl(atoi(entry->d_name), F_GETFD) >= 0;
        }
    FACT(listed == mine && listed >= 18);
    struct stat a, b;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    stat(path, &a);
    fstat(file, &b);
    FACT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    lstat(path, &a);
    FACT(S_ISLNK(a.st_mode));
    printf("%o\n", a.st_mode & 0777);
}
