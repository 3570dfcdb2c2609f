// build: glibc musl
#include "conformance.h"
#include "inotify.h"

// What is told of the names in a directory.
int main(void) {
    MUST(mkdir("a", 0700));
    MUST(mkdir("b", 0700));
    int fd = MUST(inotify_init1(IN_NONBLOCK));
    int watches[2] = {MUST(inotify_add_watch(fd, "a", IN_ALL_EVENTS)), MUST(inotify_add_watch(fd, "b", IN_ALL_EVENTS))};
    int file = MUST(open("a/file", O_CREAT | O_WRONLY, 0600));
    MUST(write(file, "x", 1));
    MUST(close(file));
    MUST(chmod("a/file", 0644));
    print_events(fd, watches, 2);
    MUST(mkdir("a/dir", 0700));
    MUST(symlink("nowhere", "a/link"));
    MUST(link("a/file", "b/file"));
    MUST(mkfifo("a/a name of more than sixteen bytes", 0600));
    print_events(fd, watches, 2);
    MUST(rename("a/file", "b/moved"));
    MUST(rename("a/dir", "a/dir2"));
    print_events(fd, watches, 2);
    MUST(unlink("b/moved"));
    MUST(unlink("b/file"));
    MUST(unlink("a/link"));
    MUST(unlink("a/a name of more than sixteen bytes"));
    MUST(rmdir("a/dir2"));
    print_events(fd, watches, 2);
    // What happens further down is not told.
    MUST(mkdir("a/deep", 0700));
    MUST(mkdir("a/deep/er", 0700));
    MUST(rmdir("a/deep/er"));
    MUST(rmdir("a/deep"));
    print_events(fd, watches, 2);
    MUST(rename("b", "c"));
    MUST(rmdir("c"));
    print_events(fd, watches, 2);
    MUST(inotify_rm_watch(fd, watches[0]));
    print_events(fd, watches, 2);
    MUST(rmdir("a"));
    print_events(fd, watches, 2);
}
