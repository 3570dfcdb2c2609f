#include "conformance.h"
#include "inotify.h"

// Which events are asked for, and what is refused.
int main(void) {
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    MUST(mkdir("dir", 0700));
    MUST(symlink("file", "link"));
    VALUE(inotify_init1(1));
    int fd = MUST(inotify_init1(IN_NONBLOCK));
    VALUE(inotify_add_watch(fd, "file", 0));
    VALUE(inotify_add_watch(fd, "missing", IN_MODIFY));
    VALUE(inotify_add_watch(fd, "file", IN_MODIFY | IN_ONLYDIR));
    VALUE(inotify_add_watch(fd, "file", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE));
    VALUE(inotify_add_watch(file, "file", IN_MODIFY));
    VALUE(inotify_add_watch(99, "file", IN_MODIFY));
    VALUE(inotify_add_watch(fd, (char *)8, IN_MODIFY));
    VALUE(inotify_rm_watch(fd, 77));
    VALUE(inotify_rm_watch(file, 1));
    VALUE(inotify_rm_watch(99, 1));

    int watch = MUST(inotify_add_watch(fd, "file", IN_MODIFY));
    FACT(inotify_add_watch(fd, "link", IN_ATTRIB) == watch);
    MUST(write(file, "x", 1));
    MUST(fchmod(file, 0600));
    print_events(fd, &watch, 1);
    FACT(inotify_add_watch(fd, "file", IN_MODIFY | IN_MASK_ADD) == watch);
    MUST(write(file, "x", 1));
    MUST(fchmod(file, 0600));
    print_events(fd, &watch, 1);
    VALUE(inotify_add_watch(fd, "file", IN_MODIFY | IN_MASK_CREATE));
    int of_link = MUST(inotify_add_watch(fd, "link", IN_ALL_EVENTS | IN_DONT_FOLLOW));
    FACT(of_link != watch);
    int both[2] = {watch, of_link};
    MUST(unlink("link"));
    print_events(fd, both, 2);

    int dir = MUST(inotify_add_watch(fd, "dir", IN_CREATE | IN_ONESHOT | IN_ONLYDIR));
    MUST(close(MUST(creat("dir/one", 0600))));
    MUST(close(MUST(creat("dir/two", 0600))));
    print_events(fd, &dir, 1);
    VALUE(inotify_rm_watch(fd, dir));

    int unlinked = MUST(open("dir/one", O_RDWR));
    int all = MUST(inotify_add_watch(fd, "dir", IN_MODIFY | IN_DELETE));
    FACT(all != dir);
    MUST(unlink("dir/one"));
    MUST(write(unlinked, "x", 1));
    print_events(fd, &all, 1);
    MUST(inotify_add_watch(fd, "dir", IN_MODIFY | IN_EXCL_UNLINK));
    MUST(write(unlinked, "x", 1));
    print_events(fd, &all, 1);
}
