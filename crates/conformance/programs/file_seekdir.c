// build: glibc musl
#include "conformance.h"
#include <dirent.h>

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

// Positions in a directory: remembered, come back to, kept while names come and go.
int main(void) {
    MUST(mkdir("d", 0700));
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "d/file%02d", i);
        MUST(close(MUST(creat(name, 0600))));
    }
    DIR *dir = opendir("d");
    char *names[60], *again[60];
    long positions[60];
    int count = 0;
    struct dirent *entry;
    for (positions[0] = telldir(dir); (entry = readdir(dir)); positions[count] = telldir(dir)) names[count++] = strdup(entry->d_name);
    VALUE(count);
    int same = 0;
    for (int i = 0; i < count; i += 7) {
        seekdir(dir, positions[i]);
        entry = readdir(dir);
        same += entry && strcmp(entry->d_name, names[i]) == 0;
    }
    VALUE(same);
    rewinddir(dir);
    entry = readdir(dir);
    FACT(entry && strcmp(entry->d_name, names[0]) == 0);
    // Removing while reading misses none.
    rewinddir(dir);
    int removed = 0;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] == 'f') {
            snprintf(name, sizeof name, "d/%s", entry->d_name);
            removed += unlink(name) == 0;
        }
    VALUE(removed);
    rewinddir(dir);
    count = 0;
    while ((entry = readdir(dir))) again[count++] = strdup(entry->d_name);
    qsort(again, count, sizeof again[0], compare);
    for (int i = 0; i < count; i++) printf("left: %s\n", again[i]);
    VALUE(rmdir("d"));
    FACT(readdir(dir) == NULL);
    closedir(dir);
    // Types of entries.
    MUST(mkdir("t", 0700));
    MUST(mkdir("t/dir", 0700));
    MUST(mkfifo("t/fifo", 0600));
    MUST(symlink("x", "t/link"));
    MUST(close(MUST(creat("t/file", 0600))));
    dir = opendir("t");
    int types[16] = {0};
    while ((entry = readdir(dir))) types[entry->d_type & 15]++;
    printf("dirs %d files %d links %d fifos %d\n", types[DT_DIR], types[DT_REG], types[DT_LNK], types[DT_FIFO]);
    struct stat st;
    rewinddir(dir);
    int inodes = 0;
    while ((entry = readdir(dir)))
        inodes += fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_ino == entry->d_ino || !strcmp(entry->d_name, ".."));
    VALUE(inodes);
    struct dirent **list;
    VALUE(scandir("t", &list, NULL, alphasort));
    FACT(opendir("t/file") == NULL && errno == ENOTDIR);
    FACT(opendir("missing") == NULL && errno == ENOENT);
    VALUE(syscall(SYS_getdents64, dirfd(dir), &st, 10));
    VALUE(syscall(SYS_getdents64, 99, &st, 100));
}
