#define _GNU_SOURCE
#include "conformance.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>

static volatile sig_atomic_t too_large;

static void count_signal(int signal) {
    too_large += signal == SIGXFSZ;
}

static void show(const char *path) {
    struct stat st;
    if (stat(path, &st)) printf("%s: %s\n", path, error_name(errno));
    else printf("%s: %o %u:%u\n", path, st.st_mode, major(st.st_rdev), minor(st.st_rdev));
}

// Calls that are for files with a disk behind them, on what has none; devices made by mknod; the largest size of a file.
int main(void) {
    umask(0);
    MUST(mkfifo("fifo", 0666));
    MUST(mkdir("dir", 0777));
    int ends[2], pair[2];
    MUST(pipe(ends));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    sigset_t none;
    sigemptyset(&none);
    struct {
        const char *name;
        int fd;
    } all[] = {
        {"file", MUST(open("file", O_CREAT | O_RDWR, 0666))},
        {"directory", MUST(open("dir", O_RDONLY))},
        {"place", MUST(open("file", O_PATH))},
        {"fifo", MUST(open("fifo", O_RDWR))},
        {"/dev/null", MUST(open("/dev/null", O_RDWR))},
        {"/dev/zero", MUST(open("/dev/zero", O_RDWR))},
        {"/proc/self/maps", MUST(open("/proc/self/maps", O_RDONLY))},
        {"pipe", ends[0]},
        {"socket", pair[0]},
        {"epoll", MUST(epoll_create1(0))},
        {"eventfd", MUST(eventfd(0, 0))},
        {"inotify", MUST(inotify_init())},
        {"signalfd", MUST(signalfd(-1, &none, 0))},
        {"timerfd", MUST(timerfd_create(CLOCK_MONOTONIC, 0))},
        {"memfd", MUST(memfd_create("memfd", 0))},
        {"closed", 999},
    };
    int from[2];
    MUST(pipe(from));
    for (int i = 0; i < sizeof all / sizeof *all; i++) {
        puts(all[i].name);
        int fd = all[i].fd;
        VALUE(fsync(fd));
        VALUE(fdatasync(fd));
        VALUE(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE));
        VALUE(readahead(fd, 0, 1));
        MUST(write(from[1], "x", 1));
        VALUE(splice(from[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK));
        char rest;
        int flags = fcntl(from[0], F_GETFL);
        MUST(fcntl(from[0], F_SETFL, flags | O_NONBLOCK));
        while (read(from[0], &rest, 1) == 1) {
        }
        MUST(fcntl(from[0], F_SETFL, flags));
    }
    VALUE(sync_file_range(all[0].fd, -1, 1, 1));
    VALUE(sync_file_range(all[0].fd, 0, -1, 1));
    VALUE(sync_file_range(all[0].fd, 0, 1, 8));
    VALUE(sync_file_range(all[0].fd, LONG_MAX, 1, 1));

    puts("-- devices");
    VALUE(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    show("null");
    int null = MUST(open("null", O_RDWR));
    VALUE(write(null, "gone", 4));
    VALUE(read(null, (char[4]){0}, 4));
    VALUE(mknod("zero", S_IFCHR | 0600, makedev(1, 5)));
    char zeros[4] = "abc";
    VALUE(read(MUST(open("zero", O_RDONLY)), zeros, 4));
    FACT(zeros[0] == 0 && zeros[3] == 0);
    VALUE(mknod("absent", S_IFCHR | 0666, makedev(200, 77)));
    show("absent");
    WORKS(open("absent", O_RDWR));
    WORKS(open("absent", O_PATH));
    VALUE(mknod("block", S_IFBLK | 0660, makedev(240, 5)));
    show("block");
    VALUE(mknod("socket", S_IFSOCK | 0640, 0));
    show("socket");
    WORKS(open("socket", O_RDWR));
    VALUE(mknod("newdir", S_IFDIR | 0755, 0));
    VALUE(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    VALUE(mknod("odd", 0030000 | 0666, 0));
    VALUE(unlink("block"));

    puts("-- the largest size");
    signal(SIGXFSZ, count_signal);
    struct rlimit limit = {100, RLIM_INFINITY};
    MUST(setrlimit(RLIMIT_FSIZE, &limit));
    char bytes[200] = {0};
    int fd = MUST(open("limited", O_CREAT | O_RDWR, 0600));
    VALUE(write(fd, bytes, 60));
    VALUE(write(fd, bytes, 60));
    VALUE(too_large);
    VALUE(write(fd, bytes, 60));
    VALUE(too_large);
    VALUE(pwrite(fd, bytes, 10, 95));
    VALUE(pwrite(fd, bytes, 10, 100));
    VALUE(pwrite(fd, bytes, 0, 100));
    VALUE(too_large);
    VALUE(ftruncate(fd, 101));
    VALUE(truncate("limited", 1000));
    VALUE(ftruncate(fd, 50));
    VALUE(too_large);
    VALUE(lseek(fd, 0, SEEK_END));
}
