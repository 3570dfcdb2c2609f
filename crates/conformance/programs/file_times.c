#include "conformance.h"
#include <sys/time.h>
#include <utime.h>

static void show(const char *what) {
    struct stat st;
    lstat("file", &st);
    printf("%s: %ld.%09ld %ld.%09ld\n", what, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

// Setting times by all the calls that there are, and what changes them by itself.
int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    struct timespec t[2] = {{1000, 123456789}, {2000, 987654321}};
    VALUE(utimensat(AT_FDCWD, "file", t, 0));
    show("utimensat");
    t[0].tv_nsec = UTIME_OMIT;
    t[1] = (struct timespec){3000, 1};
    VALUE(utimensat(AT_FDCWD, "file", t, 0));
    show("one omitted");
    t[1].tv_nsec = UTIME_OMIT;
    struct stat before, after;
    fstat(fd, &before);
    VALUE(futimens(fd, t));
    fstat(fd, &after);
    FACT(memcmp(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim) == 0);
    struct timeval v[2] = {{4000, 5}, {5000, 6}};
    VALUE(utimes("file", v));
    show("utimes");
    VALUE(futimes(fd, v));
    struct utimbuf u = {6000, 7000};
    VALUE(utime("file", &u));
    show("utime");
    VALUE(futimesat(AT_FDCWD, "file", v));
    show("futimesat");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    VALUE(utime("file", NULL));
    fstat(fd, &after);
    FACT(after.st_mtim.tv_sec >= now.tv_sec && after.st_atim.tv_sec >= now.tv_sec);
    t[0] = (struct timespec){8000, 0};
    t[1].tv_nsec = UTIME_NOW;
    VALUE(futimens(fd, t));
    fstat(fd, &after);
    FACT(after.st_atim.tv_sec == 8000 && after.st_mtim.tv_sec >= now.tv_sec);
    // Writing changes the time of modification, chmod only that of change, and neither that of access.
    t[1] = (struct timespec){9000, 0};
    MUST(futimens(fd, t));
    MUST(chmod("file", 0640));
    show("chmod");
    MUST(write(fd, "x", 1));
    fstat(fd, &after);
    FACT(after.st_mtim.tv_sec >= now.tv_sec && after.st_atim.tv_sec == 8000);
    MUST(futimens(fd, t));
    MUST(ftruncate(fd, 100));
    fstat(fd, &after);
    FACT(after.st_mtim.tv_sec >= now.tv_sec);
    MUST(futimens(fd, t));
    MUST(rename("file", "file2"));
    MUST(rename("file2", "file"));
    show("renamed");
    // Of the link itself.
    MUST(symlink("file", "link"));
    VALUE(utimensat(AT_FDCWD, "link", (struct timespec[2]){{1, 0}, {2, 0}}, AT_SYMLINK_NOFOLLOW));
    struct stat st;
    lstat("link", &st);
    printf("link %ld %ld\n", (long)st.st_atime, (long)st.st_mtime);
    show("not of its target");
    t[0].tv_nsec = 1000000000;
    VALUE(futimens(fd, t));
    t[0].tv_nsec = -1;
    VALUE(futimens(fd, t));
    t[0] = (struct timespec){1, 0};
    VALUE(utimensat(AT_FDCWD, "missing", t, 0));
    VALUE(utimensat(AT_FDCWD, "file", t, 0x4000));
    VALUE(utimensat(99, "file", t, 0));
    VALUE(utimensat(AT_FDCWD, "", t, 0));
    VALUE(syscall(SYS_utimensat, fd, NULL, t, 0));
    VALUE(syscall(SYS_utimensat, AT_FDCWD, NULL, t, 0));
    VALUE(syscall(SYS_utimensat, AT_FDCWD, "file", (void *)8, 0));
    // Names made and removed change the directory.
    MUST(mkdir("d", 0700));
    t[1] = (struct timespec){1, 0};
    MUST(utimensat(AT_FDCWD, "d", t, 0));
    MUST(close(MUST(creat("d/x", 0600))));
    stat("d", &st);
    FACT(st.st_mtime >= now.tv_sec);
    MUST(utimensat(AT_FDCWD, "d", t, 0));
    MUST(unlink("d/x"));
    stat("d", &st);
    FACT(st.st_mtime >= now.tv_sec);
}
