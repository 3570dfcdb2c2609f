// build: glibc musl
#include "conformance.h"

static void show(const char *path) {
    struct stat st;
    if (stat(path, &st)) printf("%s: %s\n", path, error_name(errno));
    else printf("%s: links %ld size %ld\n", path, (long)st.st_nlink, (long)st.st_size);
}

int main(void) {
    int fd = MUST(open("a", O_CREAT | O_RDWR, 0600));
    MUST(write(fd, "12345", 5));
    VALUE(link("a", "b"));
    show("a");
    struct stat a, b;
    stat("a", &a);
    stat("b", &b);
    FACT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    MUST(mkdir("d", 0700));
    VALUE(link("b", "d/c"));
    MUST(truncate("d/c", 3));
    show("a");
    VALUE(rename("a", "b"));
    show("a");
    show("b");
    VALUE(unlink("a"));
    show("b");
    VALUE(rename("b", "d/e"));
    show("d/c");
    VALUE(link("d", "dir-link"));
    VALUE(link("missing", "x"));
    VALUE(link("d/c", "d/e"));
    VALUE(link("d/c", "missing/x"));
    VALUE(link("d/c/x", "y"));
    VALUE(link("/proc/self/status", "z"));
    MUST(symlink("d/c", "s"));
    VALUE(link("s", "s2"));
    FACT(lstat("s2", &a) == 0 && S_ISLNK(a.st_mode) && a.st_nlink == 2);
    VALUE(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
    FACT(lstat("s3", &a) == 0 && S_ISREG(a.st_mode) && a.st_nlink == 3);
    VALUE(linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 0x100));
    int dir = MUST(open("d", O_PATH));
    VALUE(linkat(dir, "c", AT_FDCWD, "via", 0));
    VALUE(linkat(AT_FDCWD, "via", dir, "back", 0));
    show("d/back");
    // Directories count their children's "..".
    stat("d", &a);
    long before = a.st_nlink;
    MUST(mkdir("d/sub", 0700));
    stat("d", &a);
    VALUE(a.st_nlink - before);
    MUST(rmdir("d/sub"));
    stat("d", &a);
    VALUE(a.st_nlink - before);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "many%d", i);
        MUST(link("via", name));
    }
    show("via");
}
