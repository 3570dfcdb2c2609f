#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0644));
    write(fd, "12345", 5);
    struct statx x;
    VALUE(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
    FACT((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    printf("%o %u %llu\n", x.stx_mode, x.stx_nlink, (unsigned long long)x.stx_size);
    VALUE(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    printf("%llu\n", (unsigned long long)x.stx_size);
    symlink("file", "link");
    VALUE(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x));
    FACT(S_ISLNK(x.stx_mode));
    VALUE(statx(AT_FDCWD, "absent", 0, STATX_TYPE, &x));
    VALUE(statx(AT_FDCWD, "", 0, STATX_TYPE, &x));
    VALUE(statx(AT_FDCWD, "file", 0, 0x80000000, &x));
    VALUE(statx(AT_FDCWD, "file", 0x40000000, STATX_TYPE, &x));
    VALUE(statx(99, "file", 0, STATX_TYPE, &x));
    VALUE(statx(AT_FDCWD, "file", 0, STATX_TYPE, NULL));
}
