// build: glibc musl
#include "conformance.h"

int main(void) {
    char path[4096], start[4096];
    FACT(getcwd(start, sizeof start) != NULL);
    VALUE(mkdir("d", 0755));
    VALUE(mkdir("d/e", 0755));
    VALUE(chdir("d/e"));
    getcwd(path, sizeof path);
    printf("%s\n", path + strlen(start));
    close(MUST(open("file", O_CREAT | O_WRONLY, 0600)));
    VALUE(chdir(".."));
    VALUE(access("e/file", F_OK));
    VALUE(chdir("e/file"));
    VALUE(chdir("absent"));
    VALUE(chdir(""));
    int fd = MUST(open("e", O_RDONLY | O_DIRECTORY)), file = MUST(open("e/file", O_RDONLY));
    VALUE(fchdir(fd));
    VALUE(fchdir(file));
    VALUE(fchdir(99));
    getcwd(path, sizeof path);
    printf("%s\n", path + strlen(start));
    FACT(getcwd(path, 2) == NULL && errno == ERANGE);
    VALUE(openat(fd, "file", O_RDONLY) >= 0);
    VALUE(openat(fd, "../e/file", O_RDONLY) >= 0);
    VALUE(openat(file, "x", O_RDONLY));
    VALUE(openat(99, "x", O_RDONLY));
    VALUE(openat(99, "/", O_RDONLY) >= 0);
    VALUE(mkdirat(fd, "below", 0700));
    VALUE(renameat(fd, "below", AT_FDCWD, "renamed"));
    VALUE(faccessat(fd, "renamed", F_OK, 0));
    VALUE(symlinkat("file", fd, "link"));
    VALUE(readlinkat(fd, "link", path, sizeof path));
    VALUE(unlinkat(fd, "link", 0));
    VALUE(unlinkat(fd, "renamed", 0));
    VALUE(unlinkat(fd, "renamed", AT_REMOVEDIR));
    VALUE(chdir("/"));
    getcwd(path, sizeof path);
    printf("%s\n", path);
    VALUE(chdir(".."));
    FACT(access("/../../tmp", F_OK) == 0);
}
