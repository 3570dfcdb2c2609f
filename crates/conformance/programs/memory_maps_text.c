// build: glibc musl
#include "conformance.h"

// The line of /proc/self/maps for an address, without addresses, device and inode.
static void show(const char *what, const void *at) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset, inode;
        unsigned major, minor;
        char rights[5], path[4096] = "";
        if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %4095[^\n]", &start, &end, rights, &offset, &major, &minor, &inode, path) < 7) printf("odd line: %s", line);
        if ((unsigned long)at < start || (unsigned long)at >= end) continue;
        const char *name = strrchr(path, '/');
        printf("%s: %lu pages, %s, offset %lx, inode %s, name '%s'\n", what, (end - (unsigned long)at) >> 12, rights, offset, inode ? "some" : "none", name ? name : path);
    }
    fclose(maps);
}

int main(void) {
    int fd = MUST(open("mapped", O_CREAT | O_RDWR, 0600));
    VALUE(ftruncate(fd, 16 << 12));
    show("private", mmap(NULL, 2 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096));
    char *shared = mmap(NULL, 5 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 8192);
    show("shared", shared);
    VALUE(mprotect(shared + 8192, 4096, PROT_READ));
    show("its first part", shared);
    show("its middle", shared + 8192);
    show("its end", shared + 12288);
    show("executable", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    show("shared anonymous", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    VALUE(unlink("mapped"));
    show("unlinked", shared);
    // The only area between two guards, so that it is joined with nothing.
    char *alone = mmap(NULL, 3 << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(mprotect(alone + 4096, 4096, PROT_READ | PROT_WRITE));
    show("anonymous", alone + 4096);
}
