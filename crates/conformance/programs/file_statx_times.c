#include "conformance.h"

static struct statx ask(int dir, const char *path, int flags, unsigned mask) {
    struct statx out = {0};
    int result = statx(dir, path, flags, mask, &out);
    printf("%s: %s, basic %d, birth %d\n", path, error_name(result ? errno : 0), (out.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS,
           (out.stx_mask & STATX_BTIME) != 0);
    return out;
}

static long long ns(struct statx_timestamp t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }

// Time of birth, and which mount it is.
int main(void) {
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME_COARSE, &before);
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    struct statx made = ask(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME);
    clock_gettime(CLOCK_REALTIME, &after);
    FACT(ns(made.stx_btime) >= before.tv_sec * 1000000000ll);
    FACT(ns(made.stx_btime) <= after.tv_sec * 1000000000ll + after.tv_nsec);
    FACT(ns(made.stx_btime) == ns(made.stx_mtime));
    struct timespec times[2] = {{5, 7}, {6, 8}};
    MUST(futimens(fd, times));
    MUST(write(fd, "x", 1));
    times[1].tv_sec = 9;
    MUST(futimens(fd, times));
    struct statx later = ask(fd, "", AT_EMPTY_PATH, STATX_ALL);
    FACT(ns(later.stx_btime) == ns(made.stx_btime));
    printf("%lld %lld\n", ns(later.stx_atime), ns(later.stx_mtime));
    FACT(ns(later.stx_ctime) >= ns(made.stx_ctime));
    struct statx a = ask(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_MNT_ID), b = ask(AT_FDCWD, ".", 0, STATX_BASIC_STATS | STATX_MNT_ID),
                 c = ask(AT_FDCWD, "/proc/version", 0, STATX_BASIC_STATS | STATX_MNT_ID);
    FACT(a.stx_mask & STATX_MNT_ID);
    FACT(a.stx_mnt_id == b.stx_mnt_id);
    FACT(a.stx_mnt_id != c.stx_mnt_id);
    FACT(a.stx_dev_minor == b.stx_dev_minor && a.stx_dev_major == b.stx_dev_major);
    // The number is the one in mountinfo.
    unsigned id, parent;
    int found = 0;
    FILE *mounts = fopen("/proc/self/mountinfo", "r");
    char line[1024];
    while (fgets(line, sizeof line, mounts))
        if (sscanf(line, "%u %u", &id, &parent) == 2 && id == c.stx_mnt_id && strstr(line, " /proc ")) found++;
    VALUE(found);
}
