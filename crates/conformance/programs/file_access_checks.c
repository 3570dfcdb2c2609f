#include "conformance.h"
#include <grp.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <utime.h>

enum { USER = 4321, GROUP = 8765, OTHER = 777 };

// Only the calling thread's identity matters for access, so that root may come back.
static void become(uid_t uid, gid_t gid) {
    MUST(setegid(gid));
    MUST(seteuid(uid));
}

static void return_to_root(void) {
    MUST(seteuid(0));
    MUST(setegid(0));
}

static void make(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    MUST(close(MUST(open(path, O_CREAT | O_WRONLY, 0600))));
    MUST(chown(path, uid, gid));
    MUST(chmod(path, mode));
}

static void make_directory(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    MUST(mkdir(path, 0700));
    MUST(chown(path, uid, gid));
    MUST(chmod(path, mode));
}

static void opening(void) {
    puts("-- opening");
    make("owned", 0600, USER, 0);
    make("owned_none", 0077, USER, 0);
    make("grouped", 0640, 0, GROUP);
    make("grouped_none", 0707, 0, GROUP);
    make("others", 0604, 0, 0);
    make("rooted", 0600, 0, 0);
    become(USER, GROUP);
    const char *names[] = {"owned", "owned_none", "grouped", "grouped_none", "others", "rooted"};
    for (int i = 0; i < 6; i++) {
        const char *path = names[i];
        puts(path);
        WORKS(open(path, O_RDONLY));
        WORKS(open(path, O_WRONLY));
        WORKS(open(path, O_RDWR));
        WORKS(open(path, O_RDONLY | O_TRUNC));
        WORKS(open(path, O_PATH));
        WORKS(open(path, O_CREAT | O_RDONLY, 0600));
        VALUE(truncate(path, 0));
        VALUE(access(path, R_OK));
        VALUE(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS));
        VALUE(faccessat(AT_FDCWD, path, W_OK, AT_EACCESS));
        VALUE(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS));
    }
    WORKS(open("others", O_RDONLY | O_NOATIME));
    WORKS(open("owned", O_RDONLY | O_NOATIME));
    return_to_root();
}

static void searching(void) {
    puts("-- searching");
    make_directory("closed", 0600, USER, GROUP);
    make_directory("listed", 0744, 0, 0);
    make_directory("entered", 0711, 0, 0);
    make_directory("closed/inner", 0777, USER, GROUP);
    make("closed/file", 0666, USER, GROUP);
    make("listed/file", 0666, 0, 0);
    make("entered/file", 0666, 0, 0);
    MUST(symlink("closed/file", "through"));
    become(USER, GROUP);
    struct stat st;
    struct statfs fs;
    char text[64];
    VALUE(stat("closed/file", &st));
    VALUE(stat("closed/missing", &st));
    VALUE(stat("through", &st));
    VALUE(lstat("through", &st));
    VALUE(stat("listed/file", &st));
    VALUE(stat("entered/file", &st));
    VALUE(stat("closed/.", &st));
    VALUE(stat("closed/..", &st));
    VALUE(statfs("closed/file", &fs));
    VALUE(readlink("closed/file", text, sizeof text));
    VALUE(chdir("closed"));
    VALUE(chdir("closed/inner"));
    VALUE(chdir("listed"));
    VALUE(chdir("."));
    WORKS(open("closed", O_RDONLY));
    WORKS(open("entered", O_RDONLY));
    WORKS(open("listed", O_RDONLY | O_DIRECTORY));
    VALUE(fchdir(MUST(open("listed", O_RDONLY))));
    VALUE(fchdir(MUST(open("closed", O_RDONLY))));
    int in = MUST(inotify_init());
    WORKS(inotify_add_watch(in, "entered", IN_CREATE));
    WORKS(inotify_add_watch(in, "listed", IN_CREATE));
    WORKS(inotify_add_watch(in, "rooted", IN_OPEN));
    return_to_root();
    VALUE(stat("closed/file", &st));
}

static void naming(void) {
    puts("-- names");
    make_directory("fixed", 0755, 0, 0);
    make_directory("free", 0777, 0, 0);
    make_directory("sticky", 01777, 0, 0);
    make_directory("own_sticky", 01777, USER, 0);
    make("fixed/file", 0666, 0, 0);
    make_directory("fixed/dir", 0777, 0, 0);
    const char *parents[] = {"free", "sticky", "own_sticky"};
    char path[64];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/of_root", parents[i]);
        make(path, 0666, 0, 0);
        snprintf(path, sizeof path, "%s/dir_of_root", parents[i]);
        make_directory(path, 0755, 0, 0);
        snprintf(path, sizeof path, "%s/of_user", parents[i]);
        make(path, 0600, USER, GROUP);
    }
    become(USER, GROUP);
    WORKS(open("fixed/new", O_CREAT | O_WRONLY, 0666));
    WORKS(open("fixed/file", O_CREAT | O_EXCL | O_WRONLY, 0666));
    WORKS(open("fixed", O_TMPFILE | O_WRONLY, 0666));
    VALUE(mkdir("fixed/new", 0777));
    VALUE(mkdir("fixed/dir", 0777));
    VALUE(mkfifo("fixed/new", 0777));
    VALUE(mknod("free/device", S_IFCHR | 0666, 259));
    VALUE(symlink("x", "fixed/new"));
    VALUE(link("free/of_user", "fixed/new"));
    VALUE(unlink("fixed/file"));
    VALUE(unlink("fixed/dir"));
    VALUE(unlink("fixed/missing"));
    VALUE(rmdir("fixed/dir"));
    VALUE(rmdir("fixed/file"));
    VALUE(rename("fixed/file", "free/stolen"));
    VALUE(rename("free/of_user", "fixed/given"));
    VALUE(rename("free/of_user", "fixed/file"));
    VALUE(rename("free/dir_of_root", "free/renamed"));
    VALUE(rename("free/renamed", "own_sticky/moved"));
    VALUE(rename("sticky/of_root", "sticky/renamed"));
    VALUE(rename("sticky/of_user", "sticky/of_root"));
    VALUE(rename("sticky/of_user", "sticky/renamed"));
    VALUE(unlink("sticky/of_root"));
    VALUE(rmdir("sticky/dir_of_root"));
    VALUE(unlink("sticky/renamed"));
    VALUE(unlink("own_sticky/of_root"));
    VALUE(rmdir("own_sticky/dir_of_root"));
    VALUE(unlink("free/of_root"));
    return_to_root();
}

static void changing(void) {
    puts("-- attributes");
    make("theirs", 0666, 0, 0);
    make("mine", 0666, USER, GROUP);
    make("unwritable", 0644, 0, 0);
    gid_t groups[] = {OTHER};
    MUST(setgroups(1, groups));
    become(USER, GROUP);
    struct stat st;
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    struct timespec set[2] = {{5, 0}, {6, 0}};
    VALUE(chmod("theirs", 0777));
    VALUE(chmod("mine", 02770));
    MUST(stat("mine", &st));
    printf("mode %o\n", st.st_mode);
    VALUE(chown("theirs", USER, GROUP));
    VALUE(chown("mine", USER, OTHER));
    VALUE(chown("mine", -1, GROUP));
    VALUE(chown("mine", USER, 0));
    VALUE(chown("mine", 0, GROUP));
    VALUE(chown("mine", USER, -1));
    VALUE(chown("theirs", -1, -1));
    VALUE(utimensat(AT_FDCWD, "theirs", NULL, 0));
    VALUE(utimensat(AT_FDCWD, "theirs", now, 0));
    VALUE(utimensat(AT_FDCWD, "theirs", half, 0));
    VALUE(utimensat(AT_FDCWD, "theirs", set, 0));
    VALUE(utimensat(AT_FDCWD, "unwritable", NULL, 0));
    VALUE(utimensat(AT_FDCWD, "unwritable", set, 0));
    VALUE(utimensat(AT_FDCWD, "mine", set, 0));
    VALUE(utime("unwritable", NULL));
    VALUE(utimes("theirs", (struct timeval[2]){{1, 0}, {1, 0}}));
    return_to_root();
    MUST(chown("mine", USER, OTHER));
    become(USER, GROUP);
    VALUE(chmod("mine", 02770));
    MUST(stat("mine", &st));
    printf("in a further group %o\n", st.st_mode);
    return_to_root();
    MUST(setgroups(0, NULL));
    MUST(chown("mine", USER, 3));
    become(USER, GROUP);
    VALUE(chmod("mine", 02770));
    MUST(stat("mine", &st));
    printf("in no such group %o\n", st.st_mode);
    return_to_root();
}

// access(2) asks for who started the program, everything else for who it is.
static void identities(void) {
    puts("-- identities");
    make("for_user", 0600, USER, GROUP);
    make("for_root", 0600, 0, 0);
    MUST(setresuid(USER, 0, 0));
    VALUE(access("for_root", R_OK));
    VALUE(access("for_user", R_OK));
    VALUE(faccessat(AT_FDCWD, "for_root", R_OK, AT_EACCESS));
    WORKS(open("for_root", O_RDONLY));
    MUST(setresuid(0, 0, 0));
    become(USER, GROUP);
    VALUE(access("for_root", R_OK));
    VALUE(faccessat(AT_FDCWD, "for_root", R_OK, AT_EACCESS));
    return_to_root();
    // The file system identity alone.
    syscall(SYS_setfsuid, USER);
    WORKS(open("for_root", O_RDONLY));
    WORKS(open("for_user", O_RDONLY));
    syscall(SYS_setfsuid, 0);
    WORKS(open("for_root", O_RDONLY));
}

int main(void) {
    umask(0);
    // The host's folder is for root only; what is below it is reached from here.
    make_directory("place", 0777, 0, 0);
    MUST(chdir("place"));
    opening();
    searching();
    naming();
    changing();
    identities();
}
