// build: glibc musl
#include "conformance.h"
#include "inotify.h"

// What is told of one file, by whatever name and descriptor it is used.
int main(void) {
    int file = MUST(open("watched", O_CREAT | O_RDWR, 0600));
    int fd = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    int watch = MUST(inotify_add_watch(fd, "watched", IN_ALL_EVENTS));
    print_events(fd, &watch, 1);
    MUST(write(file, "0123456789", 10));
    MUST(write(file, "again", 5));
    MUST(lseek(file, 0, SEEK_SET));
    char buffer[4];
    MUST(read(file, buffer, 4));
    MUST(pread(file, buffer, 4, 100));
    MUST(ftruncate(file, 3));
    MUST(truncate("watched", 2));
    MUST(fchmod(file, 0640));
    MUST(chmod("watched", 0600));
    MUST(chown("watched", 0, 0));
    print_events(fd, &watch, 1);
    struct timespec times[2] = {{1, 0}, {2, 0}};
    MUST(futimens(file, times));
    times[1].tv_nsec = UTIME_OMIT;
    MUST(utimensat(AT_FDCWD, "watched", times, 0));
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = 0;
    MUST(utimensat(AT_FDCWD, "watched", times, 0));
    print_events(fd, &watch, 1);
    int other = MUST(open("watched", O_RDONLY));
    MUST(close(other));
    int again = MUST(dup(file));
    MUST(close(again));
    MUST(link("watched", "second"));
    MUST(rename("watched", "third"));
    print_events(fd, &watch, 1);
    MUST(unlink("second"));
    MUST(unlink("third"));
    print_events(fd, &watch, 1);
    // The end of the file is the end of the watch.
    MUST(close(file));
    print_events(fd, &watch, 1);
    VALUE(inotify_rm_watch(fd, watch));
}
