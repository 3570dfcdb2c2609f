// build: dynamic fixed musl-dynamic pie
// Files as /proc/self/maps shows them: names, rights and offsets as the linkers mapped them. Whether two neighbours that are alike in all of
// these are one line or two is the kernel's own affair (it depends on who has touched them), so they are joined here.
#include "conformance.h"

static struct line {
    unsigned long from, to, offset, inode;
    char rights[5], path[PATH_MAX];
} last;
static char executable[PATH_MAX];

static void show(void) {
    if (!last.path[0]) return;
    struct stat at_path;
    MUST(stat(last.path, &at_path));
    unsigned long main_at = (unsigned long)show;
    printf("%s %s +%lx %s%s\n", last.rights, strcmp(last.path, executable) == 0 ? "the program" : strrchr(last.path, '/') + 1,
        last.offset, last.inode == at_path.st_ino ? "same file" : "another file",
        last.from <= main_at && main_at < last.to ? ", code is here" : "");
    if (strcmp(last.rights, "r--p") == 0 && last.offset == 0) FACT(memcmp((void *)last.from, "\177ELF", 4) == 0);
}

int main(void) {
    static char text[1 << 16];
    int fd = MUST(open("/proc/self/maps", O_RDONLY));
    size_t have = 0;
    ssize_t got;
    while ((got = read(fd, text + have, sizeof text - 1 - have)) > 0) have += (size_t)got;
    MUST(readlink("/proc/self/exe", executable, sizeof executable - 1));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to, offset, inode;
        unsigned major, minor;
        char rights[5], path[PATH_MAX] = "";
        int fields = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %[^\n]", &from, &to, rights, &offset, &major, &minor, &inode, path);
        if (fields < 7) printf("strange line: %s\n", line);
        if (path[0] != '/') continue;
        struct line next = {from, to, offset, inode};
        strcpy(next.rights, rights);
        strcpy(next.path, path);
        if (strcmp(path, last.path) == 0 && strcmp(rights, last.rights) == 0 && from == last.to
            && offset == last.offset + (last.to - last.from)) {
            last.to = to;
            continue;
        }
        show();
        last = next;
    }
    show();
    return 0;
}
