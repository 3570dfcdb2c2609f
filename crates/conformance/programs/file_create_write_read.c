// build: glibc musl pie
#include "conformance.h"

int main(void) {
    char bytes[64] = {0};
    VALUE(open("absent", O_RDONLY));
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0640));
    VALUE(write(fd, "hello world", 11));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(lseek(fd, 6, SEEK_SET));
    VALUE(read(fd, bytes, 64));
    printf("%s\n", bytes);
    VALUE(read(fd, bytes, 64));
    VALUE(pwrite(fd, "W", 1, 6));
    VALUE(pread(fd, bytes, 64, 0));
    printf("%s\n", bytes);
    close(fd);
    VALUE(read(fd, bytes, 1));
    VALUE(close(fd));
    fd = MUST(open("file", O_RDONLY));
    VALUE(write(fd, "x", 1));
    struct stat status;
    VALUE(fstat(fd, &status));
    printf("mode %o, size %ld, links %ld\n", status.st_mode, (long)status.st_size, (long)status.st_nlink);
    close(fd);
    fd = MUST(open("file", O_WRONLY));
    VALUE(read(fd, bytes, 1));
    VALUE(open("file/below", O_RDONLY));
    VALUE(open("", O_RDONLY));
    VALUE(open("missing/below", O_CREAT | O_RDWR, 0600));
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    VALUE(open(name, O_CREAT | O_RDWR, 0600));
    name[255] = 0;
    WORKS(open(name, O_CREAT | O_RDWR, 0600));
    static char path[5000];
    memset(path, '/', 4999);
    VALUE(open(path, O_RDONLY));
}
