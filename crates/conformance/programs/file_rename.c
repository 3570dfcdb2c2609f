// build: glibc musl
#include "conformance.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define renameat2(...) syscall(SYS_renameat2, __VA_ARGS__)
#endif

static void make(const char *path, const char *text) {
    int fd = MUST(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600));
    write(fd, text, strlen(text));
    close(fd);
}

static void show(const char *path) {
    char text[32] = {0};
    int fd = open(path, O_RDONLY);
    if (fd >= 0) read(fd, text, 31);
    printf("%s: %s\n", path, fd < 0 ? error_name(errno) : text);
    if (fd >= 0) close(fd);
}

int main(void) {
    make("a", "text of a");
    make("b", "text of b");
    VALUE(rename("a", "b"));
    show("a");
    show("b");
    VALUE(rename("a", "c"));
    VALUE(rename("b", "b"));
    VALUE(mkdir("d", 0755));
    VALUE(mkdir("e", 0755));
    make("e/inner", "inner");
    VALUE(rename("b", "d"));
    VALUE(rename("d", "b"));
    VALUE(rename("d", "e"));
    VALUE(rename("e", "d"));
    show("d/inner");
    VALUE(rename("d", "d/below"));
    VALUE(rename("b", "d/moved"));
    show("d/moved");
    VALUE(rename("d/moved", "no/where"));
    make("x", "x");
    make("y", "y");
    VALUE(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
    VALUE(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_EXCHANGE));
    show("x");
    show("y");
    VALUE(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", 128));
    int fd = MUST(open("x", O_RDONLY));
    VALUE(rename("y", "x"));
    char byte = 0;
    VALUE(read(fd, &byte, 1));
    printf("%c\n", byte);
    VALUE(rename(".", "z"));
    VALUE(rename("x", ""));
}
