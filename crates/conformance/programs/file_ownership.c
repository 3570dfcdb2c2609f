#include "conformance.h"

enum { USER = 4321, GROUP = 8765, OTHER = 777 };

static void show(const char *path) {
    struct stat st;
    if (lstat(path, &st)) printf("%s: %s\n", path, error_name(errno));
    else printf("%s: %o %u %u\n", path, st.st_mode, st.st_uid, st.st_gid);
}

// All that can be made, in one directory.
static void make_all(const char *dir) {
    char path[64];
    const char *names[] = {"file", "setgid", "runs_setgid", "dir", "fifo", "link", "node", "new_hard"};
    MUST(chdir(dir));
    MUST(close(MUST(open("file", O_CREAT | O_WRONLY, 0666))));
    MUST(close(MUST(open("setgid", O_CREAT | O_WRONLY, 02666))));
    MUST(close(MUST(open("runs_setgid", O_CREAT | O_WRONLY, 02777))));
    MUST(mkdir("dir", 0777));
    MUST(mkfifo("fifo", 0666));
    MUST(symlink("x", "link"));
    MUST(mknod("node", S_IFREG | 0644, 0));
    MUST(link("file", "new_hard"));
    for (int i = 0; i < 8; i++) show(names[i]);
    struct stat st;
    int nameless = MUST(open(".", O_TMPFILE | O_RDWR, 0600));
    MUST(fstat(nameless, &st));
    printf("nameless: %o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
    MUST(chdir(".."));
}

// What is new belongs to who made it, or to its directory's group; what is written stops to run as somebody else.
int main(void) {
    umask(0);
    MUST(mkdir("place", 0777));
    MUST(chdir("place"));
    const char *dirs[] = {"plain", "inherits", "foreign"};
    for (int i = 0; i < 3; i++) MUST(mkdir(dirs[i], 0777));
    MUST(chown("inherits", 0, GROUP));
    MUST(chmod("inherits", 02777));
    MUST(chown("foreign", 0, OTHER));
    MUST(chmod("foreign", 02777));
    MUST(setegid(GROUP));
    MUST(seteuid(USER));
    for (int i = 0; i < 3; i++) {
        puts(dirs[i]);
        make_all(dirs[i]);
    }
    int shared = MUST(memfd_create("shared", 0));
    struct stat st;
    MUST(fstat(shared, &st));
    printf("memfd: %o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
    const mode_t modes[] = {04755, 02755, 06755, 02644, 06644};
    MUST(setegid(GROUP));
    for (int i = 0; i < 5; i++) {
        int fd = MUST(open("plain/file", O_RDWR));
        MUST(fchmod(fd, modes[i]));
        MUST(write(fd, "x", 1));
        printf("%o written: ", modes[i]);
        show("plain/file");
        MUST(fchmod(fd, modes[i]));
        MUST(ftruncate(fd, 0));
        printf("%o truncated: ", modes[i]);
        show("plain/file");
        close(fd);
    }
    MUST(seteuid(0));
    MUST(setegid(0));
    int fd = MUST(open("plain/file", O_RDWR));
    MUST(fchmod(fd, 06755));
    MUST(write(fd, "x", 1));
    printf("by root: ");
    show("plain/file");
}
