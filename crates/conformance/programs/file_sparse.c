#include "conformance.h"

enum { PAGE = 4096 };

static void map(int fd, const char *what) {
    struct stat st;
    fstat(fd, &st);
    printf("%s:", what);
    off_t at = 0;
    while (at < st.st_size) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) {
            printf(" then %s", error_name(errno));
            break;
        }
        at = lseek(fd, data, SEEK_HOLE);
        printf(" %ld-%ld", data, at);
    }
    printf(" of %ld\n", st.st_size);
}

// Where a file has data: SEEK_DATA and SEEK_HOLE. The host's file system has pages of the same size.
int main(void) {
    static char page[PAGE];
    memset(page, 7, sizeof page);
    int fd = MUST(open("sparse", O_CREAT | O_RDWR, 0600));
    map(fd, "empty");
    MUST(ftruncate(fd, 64 * PAGE));
    map(fd, "all hole");
    VALUE(lseek(fd, 0, SEEK_DATA));
    VALUE(lseek(fd, 5, SEEK_HOLE));
    MUST(pwrite(fd, "x", 1, 16 * PAGE + 5));
    MUST(pwrite(fd, page, PAGE, 32 * PAGE));
    MUST(pwrite(fd, page, PAGE, 33 * PAGE));
    MUST(pwrite(fd, "end", 3, 64 * PAGE));
    fsync(fd);
    map(fd, "three parts");
    VALUE(lseek(fd, 16 * PAGE + 100, SEEK_DATA));
    VALUE(lseek(fd, 16 * PAGE + 100, SEEK_HOLE));
    VALUE(lseek(fd, 17 * PAGE, SEEK_HOLE));
    VALUE(lseek(fd, 33 * PAGE - 1, SEEK_HOLE));
    VALUE(lseek(fd, 34 * PAGE + 1, SEEK_DATA));
    VALUE(lseek(fd, 64 * PAGE + 2, SEEK_DATA));
    VALUE(lseek(fd, 64 * PAGE + 2, SEEK_HOLE));
    VALUE(lseek(fd, 64 * PAGE + 3, SEEK_HOLE));
    VALUE(lseek(fd, -1, SEEK_DATA));
    VALUE(lseek(fd, 0, SEEK_CUR));
    MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 32 * PAGE, PAGE));
    fsync(fd);
    map(fd, "punched");
    MUST(ftruncate(fd, 20 * PAGE));
    map(fd, "cut");
    MUST(ftruncate(fd, 40 * PAGE));
    map(fd, "grown");
    VALUE(copy_file_range(fd, &(loff_t){0}, fd, &(loff_t){LONG_MAX}, 10, 0));
    VALUE(copy_file_range(fd, &(loff_t){0}, fd, &(loff_t){LONG_MAX}, ULONG_MAX, 0));
}
