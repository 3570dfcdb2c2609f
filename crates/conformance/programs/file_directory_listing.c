// build: glibc musl
#include "conformance.h"
#include <dirent.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

int main(void) {
    VALUE(mkdir("d", 0755));
    for (int i = 0; i < 300; i++) {
        char name[64];
        snprintf(name, sizeof name, "d/entry-%03d-%.*s", i, i % 30, "abcdefghijklmnopqrstuvwxyzabcdefg");
        close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
    }
    mkdir("d/sub", 0755);
    symlink("sub", "d/to-sub");
    DIR *directory = opendir("d");
    static char *names[400];
    int count = 0, files = 0, folders = 0, links = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        names[count++] = strdup(entry->d_name);
        files += entry->d_type == DT_REG;
        folders += entry->d_type == DT_DIR;
        links += entry->d_type == DT_LNK;
    }
    qsort(names, (size_t)count, sizeof names[0], by_name);
    printf("%d entries: %d files, %d folders, %d links\n", count, files, folders, links);
    printf("%s %s %s %s\n", names[0], names[1], names[2], names[count - 1]);
    rewinddir(directory);
    int again = 0;
    long middle = 0;
    while ((entry = readdir(directory))) {
        if (++again == 100) middle = telldir(directory);
    }
    printf("again %d\n", again);
    seekdir(directory, middle);
    int rest = 0;
    while (readdir(directory)) rest++;
    printf("rest %d\n", rest);
    // Removing while listing: each entry is seen once.
    rewinddir(directory);
    int removed = 0;
    while ((entry = readdir(directory))) {
        if (entry->d_type == DT_REG) removed += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
    }
    printf("removed %d\n", removed);
    closedir(directory);
    char small[10];
    int fd = MUST(open("d", O_RDONLY | O_DIRECTORY));
    VALUE(syscall(SYS_getdents64, fd, small, 10));
    VALUE(read(fd, small, 1));
    VALUE(write(fd, small, 1));
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(syscall(SYS_getdents64, file, small, 10));
    VALUE(unlink("d/to-sub"));
    VALUE(rmdir("d/sub"));
    VALUE(rmdir("d"));
    static char room[1000];
    VALUE(syscall(SYS_getdents64, fd, room, 1000));
}
