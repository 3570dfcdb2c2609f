// build: glibc musl pie
#include "conformance.h"

int main(void) {
    umask(022);
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0666));
    write(fd, "12345", 5);
    struct stat status, other;
    VALUE(fstat(fd, &status));
    printf("%o %ld %ld %u %u\n", status.st_mode, (long)status.st_nlink, (long)status.st_size, status.st_uid, status.st_gid);
    VALUE(stat("file", &other));
    FACT(status.st_ino == other.st_ino && status.st_dev == other.st_dev);
    VALUE(chmod("file", 04751));
    stat("file", &status);
    printf("%o\n", status.st_mode);
    VALUE(fchmod(fd, 0400));
    VALUE(mkdir("d", 0777));
    stat("d", &status);
    printf("%o\n", status.st_mode);
    FACT(S_ISDIR(status.st_mode));
    struct timespec times[2] = {{1000, 5}, {2000, 6}};
    VALUE(utimensat(AT_FDCWD, "file", times, 0));
    stat("file", &status);
    printf("%ld.%ld %ld.%ld\n", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    VALUE(futimens(fd, times));
    stat("file", &status);
    FACT(status.st_atim.tv_sec == 1000 && status.st_mtim.tv_sec > 1600000000);
    struct stat before = status;
    write(fd, "6", 1);
    stat("file", &status);
    FACT(status.st_mtim.tv_sec >= before.st_mtim.tv_sec);
    VALUE(fstatat(AT_FDCWD, "", &status, 0));
    VALUE(fstatat(fd, "", &status, AT_EMPTY_PATH));
    VALUE(stat("absent", &status));
    VALUE(stat("file/x", &status));
    VALUE(fstat(99, &status));
    VALUE(stat(NULL, &status));
    VALUE(chown("file", 5, 6));
    stat("file", &status);
    printf("%u %u\n", status.st_uid, status.st_gid);
    VALUE(access("file", F_OK));
    VALUE(access("file", R_OK | W_OK));
    VALUE(access("absent", F_OK));
    VALUE(access("file", 99));
    VALUE(umask(077));
    close(MUST(open("private", O_CREAT | O_WRONLY, 0666)));
    stat("private", &status);
    printf("%o\n", status.st_mode);
}
