// build: glibc musl
#include "conformance.h"

struct how { uint64_t flags, mode, resolve, more; };

static long open2(int dir, const char *path, struct how how, size_t size) {
    return syscall(SYS_openat2, dir, path, &how, size);
}

#define OPEN(dir, path, ...) do { \
    long fd_ = open2(dir, path, (struct how){__VA_ARGS__}, 24); \
    printf("%s %s: %s\n", path, #__VA_ARGS__, fd_ < 0 ? error_name(errno) : "ok"); \
    if (fd_ >= 0) close(fd_); \
} while (0)

enum { NO_XDEV = 1, NO_MAGIC = 2, NO_LINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

int main(void) {
    MUST(mkdir("d", 0700));
    MUST(mkdir("d/sub", 0700));
    MUST(close(MUST(creat("outside", 0600))));
    MUST(close(MUST(creat("d/inside", 0600))));
    MUST(symlink("inside", "d/link"));
    MUST(symlink("../outside", "d/out"));
    MUST(symlink("/inside", "d/absolute"));
    MUST(symlink("sub/../inside", "d/around"));
    int d = MUST(open("d", O_PATH));
    OPEN(d, "inside", 0);
    OPEN(d, "../outside", 0);
    OPEN(d, "new", O_CREAT | O_WRONLY, 0600);
    OPEN(d, "new", O_CREAT | O_EXCL, 0600);
    // What open(2) overlooks is refused here.
    OPEN(d, "inside", 0, 0600);
    OPEN(d, "inside", O_CREAT, 0100000);
    OPEN(d, "inside", 1ull << 40);
    OPEN(d, "inside", 0x80000000);
    OPEN(d, "inside", O_PATH | O_APPEND);
    OPEN(d, "inside", 0, 0, 0x1000);
    OPEN(d, "inside", 0, 0, BENEATH | IN_ROOT);
    OPEN(99, "inside", 0);
    for (int size = 0; size <= 32; size += 8) {
        errno = 0;
        long fd = open2(d, "inside", (struct how){0}, size);
        printf("size %d: %s\n", size, fd < 0 ? error_name(errno) : "ok");
    }
    VALUE(open2(d, "inside", (struct how){.more = 1}, 32));
    VALUE(syscall(SYS_openat2, d, "inside", 8, 24));
    VALUE(syscall(SYS_openat2, d, "inside", 8, 5000));

    const char *paths[] = {"inside", "sub", "link", "out", "absolute", "around", "../outside", "sub/../inside", "sub/../../d/inside",
                           "/inside", "..", "."};
    int limits[] = {BENEATH, IN_ROOT, NO_LINKS, NO_MAGIC, NO_XDEV};
    const char *names[] = {"beneath", "in root", "no links", "no magic links", "one file system"};
    for (int l = 0; l < 5; l++)
        for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
            errno = 0;
            // The folder may be on another file system than the root.
            if (l == 4 && (paths[p][0] == '/' || !strcmp(paths[p], "absolute"))) continue;
            long fd = open2(d, paths[p], (struct how){.resolve = limits[l]}, 24);
            printf("%s, %s: %s\n", names[l], paths[p], fd < 0 ? error_name(errno) : "ok");
            if (fd >= 0) close(fd);
        }
    OPEN(d, "made", O_CREAT | O_WRONLY, 0600, BENEATH);
    OPEN(d, "../made", O_CREAT | O_WRONLY, 0600, BENEATH);
    OPEN(d, "/made2", O_CREAT | O_WRONLY, 0600, IN_ROOT);
    FACT(access("d/made2", F_OK) == 0);
    OPEN(d, "link", O_NOFOLLOW);
    OPEN(AT_FDCWD, "/proc/self/exe", 0, 0, NO_MAGIC);
    OPEN(AT_FDCWD, "/proc/self/exe", 0, 0, NO_LINKS);
    OPEN(AT_FDCWD, "/proc/self/status", 0, 0, NO_MAGIC);
    OPEN(AT_FDCWD, "/proc/version", 0, 0, NO_XDEV);
    OPEN(MUST(open("/", O_PATH)), "proc/version", 0, 0, NO_XDEV);
    OPEN(MUST(open("/", O_PATH)), "proc/version", 0, 0, BENEATH);
}
