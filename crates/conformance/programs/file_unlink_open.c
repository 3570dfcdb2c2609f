// build: glibc musl
#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    write(fd, "still here", 10);
    VALUE(unlink("file"));
    VALUE(open("file", O_RDONLY));
    char bytes[16] = {0};
    VALUE(pread(fd, bytes, 16, 0));
    printf("%s\n", bytes);
    struct stat status;
    fstat(fd, &status);
    printf("links %ld\n", (long)status.st_nlink);
    int other = MUST(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    VALUE(pread(other, bytes, 16, 0));
    VALUE(write(fd, "more", 4));
    VALUE(unlink("file"));
    VALUE(unlink("file"));
    VALUE(mkdir("folder", 0700));
    VALUE(unlink("folder"));
    VALUE(rmdir("file"));
    VALUE(open("folder/x", O_CREAT | O_WRONLY, 0600) >= 0);
    VALUE(rmdir("folder"));
    VALUE(rmdir("folder/x"));
    VALUE(unlink("folder/x"));
    VALUE(rmdir("folder/."));
    VALUE(rmdir("folder"));
    VALUE(rmdir("folder"));
    VALUE(unlinkat(AT_FDCWD, "folder", AT_REMOVEDIR));
    VALUE(unlink(""));
    FACT(rmdir("/") == -1);
}
