#include "conformance.h"
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/xattr.h>

static char big[70000];

// The names in a list, in order of the alphabet, without those that the host's security modules add.
static void show_list(const char *list, ssize_t size) {
    const char *names[32];
    int count = 0;
    for (const char *at = list; size > 0 && at < list + size; at += strlen(at) + 1) {
        if (strncmp(at, "security.selinux", 16)) names[count++] = at;
    }
    for (int i = 0; i < count; i++)
        for (int j = i + 1; j < count; j++)
            if (strcmp(names[i], names[j]) > 0) {
                const char *kept = names[i];
                names[i] = names[j];
                names[j] = kept;
            }
    printf("names:");
    for (int i = 0; i < count; i++) printf(" %s", names[i]);
    puts("");
}

static void show(const char *path, const char *name) {
    char value[64];
    ssize_t size = lgetxattr(path, name, value, sizeof value);
    if (size < 0) printf("%s of %s: %s\n", name, path, error_name(errno));
    else printf("%s of %s: %zd '%.*s'\n", name, path, size, (int)size, value);
}

int main(void) {
    umask(0);
    MUST(mkdir("place", 0777));
    MUST(chdir("place"));
    MUST(close(MUST(open("file", O_CREAT | O_WRONLY, 0644))));
    MUST(mkdir("dir", 0755));
    MUST(mkfifo("fifo", 0666));
    MUST(symlink("file", "link"));
    MUST(symlink("nowhere", "broken"));
    char list[512];

    puts("-- set, get, list, remove");
    VALUE(listxattr("file", list, sizeof list));
    VALUE(getxattr("file", "user.color", big, sizeof big));
    VALUE(setxattr("file", "user.color", "red", 3, 0));
    show("file", "user.color");
    VALUE(setxattr("file", "user.color", "blue", 4, XATTR_CREATE));
    VALUE(setxattr("file", "user.color", "green", 5, XATTR_REPLACE));
    show("file", "user.color");
    VALUE(setxattr("file", "user.shape", "round", 5, XATTR_REPLACE));
    VALUE(setxattr("file", "user.shape", "round", 5, XATTR_CREATE));
    VALUE(setxattr("file", "user.empty", NULL, 0, 0));
    show("file", "user.empty");
    VALUE(setxattr("file", "trusted.seal", "wax", 3, 0));
    VALUE(setxattr("file", "security.other", "lock", 4, 0));
    show("file", "trusted.seal");
    show("file", "security.other");
    show_list(list, listxattr("file", list, sizeof list));
    VALUE(listxattr("file", NULL, 0) == listxattr("file", list, sizeof list));
    VALUE(listxattr("file", list, 3));
    VALUE(getxattr("file", "user.color", NULL, 0));
    VALUE(getxattr("file", "user.color", big, 2));
    VALUE(getxattr("file", "user.color", big, 5));
    VALUE(removexattr("file", "user.empty"));
    VALUE(removexattr("file", "user.empty"));
    VALUE(removexattr("file", "trusted.seal"));
    VALUE(removexattr("file", "security.other"));
    show_list(list, listxattr("file", list, sizeof list));

    puts("-- names and values");
    char name[300] = "user.";
    memset(name + 5, 'n', 255);
    VALUE(setxattr("file", name, "x", 1, 0));
    name[255] = 0;
    VALUE(setxattr("file", name, "x", 1, 0));
    VALUE(removexattr("file", name));
    VALUE(setxattr("file", "", "x", 1, 0));
    VALUE(setxattr("file", "user.", "x", 1, 0));
    VALUE(setxattr("file", "plain", "x", 1, 0));
    VALUE(setxattr("file", "unknown.space", "x", 1, 0));
    VALUE(getxattr("file", "unknown.space", big, sizeof big));
    VALUE(removexattr("file", "unknown.space"));
    VALUE(setxattr("file", "user.huge", big, 65537, 0));
    VALUE(setxattr("file", "user.flags", "x", 1, 4));
    VALUE(setxattr("file", "user.fault", (void *)8, 4, 0));
    VALUE(setxattr("file", (char *)8, "x", 1, 0));
    VALUE(setxattr((char *)8, "user.a", "x", 1, 0));
    VALUE(setxattr("missing", "user.a", "x", 1, 0));
    VALUE(setxattr("broken", "user.a", "x", 1, 0));
    VALUE(setxattr("file/x", "user.a", "x", 1, 0));
    VALUE(getxattr("file", "user.color", (void *)8, 100));

    puts("-- kinds of file");
    VALUE(setxattr("link", "user.by_link", "x", 1, 0));
    show("file", "user.by_link");
    VALUE(lsetxattr("link", "user.a", "x", 1, 0));
    VALUE(lgetxattr("link", "user.a", big, sizeof big));
    VALUE(lremovexattr("link", "user.a"));
    VALUE(lsetxattr("link", "trusted.link", "x", 1, 0));
    show("link", "trusted.link");
    show_list(list, llistxattr("link", list, sizeof list));
    VALUE(setxattr("dir", "user.a", "x", 1, 0));
    show("dir", "user.a");
    VALUE(setxattr("fifo", "user.a", "x", 1, 0));
    VALUE(getxattr("fifo", "user.a", big, sizeof big));
    VALUE(removexattr("fifo", "user.a"));
    VALUE(getxattr("/proc/self/status", "user.a", big, sizeof big));
    VALUE(getxattr("/dev/null", "user.a", big, sizeof big));

    puts("-- descriptors");
    int fd = MUST(open("file", O_RDONLY));
    VALUE(fsetxattr(fd, "user.by_fd", "xyz", 3, 0));
    VALUE(fgetxattr(fd, "user.by_fd", big, sizeof big));
    VALUE(fremovexattr(fd, "user.by_fd"));
    VALUE(fremovexattr(fd, "user.by_fd"));
    show_list(list, flistxattr(fd, list, sizeof list));
    int place = MUST(open("file", O_PATH));
    VALUE(fgetxattr(place, "user.color", big, sizeof big));
    VALUE(fsetxattr(place, "user.color", "x", 1, 0));
    VALUE(flistxattr(place, list, sizeof list));
    VALUE(fgetxattr(99, "user.color", big, sizeof big));
    int ends[2];
    MUST(pipe(ends));
    VALUE(fsetxattr(ends[0], "user.a", "x", 1, 0));
    VALUE(fgetxattr(ends[0], "user.a", big, sizeof big));

    puts("-- the file moves, the attributes too");
    MUST(link("file", "second"));
    MUST(rename("file", "renamed"));
    show("second", "user.color");
    show("renamed", "user.color");

    puts("-- who looks");
    int in = MUST(inotify_init1(IN_NONBLOCK));
    MUST(inotify_add_watch(in, "renamed", IN_ALL_EVENTS));
    MUST(setxattr("renamed", "user.watched", "x", 1, 0));
    MUST(getxattr("renamed", "user.watched", big, sizeof big));
    MUST(removexattr("renamed", "user.watched"));
    char events[1024];
    ssize_t got = read(in, events, sizeof events);
    for (char *at = events; at < events + got; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
        printf("event %x\n", ((struct inotify_event *)at)->mask);

    puts("-- who may");
    MUST(setxattr("renamed", "trusted.seal", "wax", 3, 0));
    MUST(chmod("renamed", 0644));
    MUST(mkdir("sticky", 01777));
    MUST(chmod("sticky", 01777));
    MUST(seteuid(4321));
    VALUE(setxattr("renamed", "user.a", "x", 1, 0));
    VALUE(getxattr("renamed", "user.color", big, sizeof big));
    VALUE(removexattr("renamed", "user.color"));
    VALUE(setxattr("renamed", "trusted.a", "x", 1, 0));
    VALUE(getxattr("renamed", "trusted.seal", big, sizeof big));
    VALUE(setxattr("renamed", "security.a", "x", 1, 0));
    VALUE(setxattr("sticky", "user.a", "x", 1, 0));
    show_list(list, listxattr("renamed", list, sizeof list));
    MUST(seteuid(0));
    MUST(chmod("renamed", 0600));
    MUST(seteuid(4321));
    VALUE(getxattr("renamed", "user.color", big, sizeof big));
    VALUE(listxattr("renamed", list, sizeof list) > 0);
}
