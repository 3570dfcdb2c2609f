// build: glibc musl
#include "conformance.h"

static long size_of(const char *path) {
    struct stat status;
    return stat(path, &status) ? -1 : (long)status.st_size;
}

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    write(fd, "0123456789", 10);
    VALUE(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    int add = MUST(open("file", O_WRONLY | O_APPEND));
    VALUE(write(add, "a", 1));
    VALUE(lseek(add, 0, SEEK_SET));
    VALUE(write(add, "b", 1));
    VALUE(lseek(add, 0, SEEK_CUR));
    VALUE(pwrite(add, "c", 1, 0));
    VALUE(size_of("file"));
    FACT(fcntl(add, F_GETFL) & O_APPEND);
    close(MUST(open("file", O_WRONLY | O_TRUNC)));
    VALUE(size_of("file"));
    char byte;
    VALUE(pread(fd, &byte, 1, 0));
    VALUE(mkdir("folder", 0755));
    WORKS(open("folder", O_RDONLY | O_DIRECTORY));
    VALUE(open("folder", O_WRONLY));
    VALUE(open("folder", O_RDWR | O_CREAT, 0600));
    VALUE(open("file", O_RDONLY | O_DIRECTORY));
    VALUE(symlink("file", "link"));
    VALUE(open("link", O_RDONLY | O_NOFOLLOW));
    WORKS(open("link", O_RDONLY));
    VALUE(open("link", O_CREAT | O_EXCL | O_RDWR, 0600));
    VALUE(symlink("not yet", "dangling"));
    VALUE(open("dangling", O_RDONLY));
    WORKS(open("dangling", O_CREAT | O_WRONLY, 0600));
    VALUE(size_of("not yet"));
    int path = MUST(open("file", O_PATH));
    VALUE(read(path, &byte, 1));
    struct stat status;
    VALUE(fstat(path, &status));
    WORKS(open("file", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_SYNC));
    WORKS(open(".", O_TMPFILE | O_RDWR, 0600));
    VALUE(creat("created", 0600) >= 0);
}
