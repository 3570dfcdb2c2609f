#include "conformance.h"

static void show(const char *path) {
    struct stat st;
    if (lstat(path, &st)) printf("%s: %s\n", path, error_name(errno));
    else printf("%s: %o %u %u\n", path, st.st_mode, st.st_uid, st.st_gid);
}

// Modes and owners: umask, the bits that chown takes away, what access(2) says.
int main(void) {
    VALUE(umask(0027));
    VALUE(umask(0));
    MUST(close(MUST(open("plain", O_CREAT | O_WRONLY, 0666))));
    umask(0027);
    MUST(close(MUST(open("masked", O_CREAT | O_WRONLY, 0666))));
    MUST(mkdir("dir", 0777));
    MUST(mkfifo("fifo", 0666));
    MUST(symlink("plain", "link"));
    MUST(close(MUST(open("sticky", O_CREAT | O_WRONLY, 07777))));
    MUST(mkdir("stickydir", 07777));
    const char *all[] = {"plain", "masked", "dir", "fifo", "link", "sticky", "stickydir"};
    for (int i = 0; i < 7; i++) show(all[i]);
    VALUE(chmod("plain", 04755));
    show("plain");
    VALUE(chmod("link", 0604));
    show("plain");
    show("link");
    VALUE(chmod("plain", 0107777));
    show("plain");
    VALUE(chown("plain", 5, 6));
    show("plain");
    VALUE(chown("plain", -1, 7));
    show("plain");
    VALUE(lchown("link", 8, 9));
    show("link");
    show("plain");
    VALUE(fchmodat(AT_FDCWD, "dir", 02700, 0));
    show("dir");
    VALUE(fchownat(AT_FDCWD, "dir", 1, 2, 0));
    show("dir");
    int fd = MUST(open("masked", O_RDONLY));
    VALUE(fchmod(fd, 0));
    VALUE(fchown(fd, 3, 4));
    show("masked");
    VALUE(fchownat(fd, "", 9, 9, AT_EMPTY_PATH));
    show("masked");
    // The superuser may read and write all, and run what anybody may.
    VALUE(access("masked", R_OK | W_OK));
    VALUE(access("masked", X_OK));
    VALUE(chmod("masked", 0010));
    VALUE(access("masked", X_OK));
    VALUE(access("dir", X_OK));
    VALUE(access("missing", F_OK));
    VALUE(access("masked", 8));
    VALUE(faccessat(AT_FDCWD, "link", F_OK, AT_SYMLINK_NOFOLLOW));
    MUST(symlink("nowhere", "broken"));
    VALUE(access("broken", F_OK));
    VALUE(faccessat(AT_FDCWD, "broken", F_OK, AT_SYMLINK_NOFOLLOW));
    VALUE(chmod("broken", 0));
    VALUE(chown("missing", 0, 0));
    VALUE(fchmod(99, 0));
    VALUE(fchown(99, 0, 0));
    VALUE(fchmod(MUST(open("plain", O_PATH)), 0));
    VALUE(chmod("plain/x", 0));
    VALUE(chmod("", 0));
}
