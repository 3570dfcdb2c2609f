#include "conformance.h"
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

static char text[65536];

static ssize_t load(const char *path) {
    int fd = MUST(open(path, O_RDONLY));
    ssize_t got = 0, more;
    while ((more = read(fd, text + got, sizeof text - 1 - got)) > 0) got += more;
    close(fd);
    text[got] = 0;
    return got;
}

static long field(const char *name) {
    char *at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

// What the process read and wrote, the load, Unix sockets, an inotify descriptor's watches.
int main(void) {
    load("/proc/self/io");
    char *names[] = {"rchar: ", "wchar: ", "syscr: ", "syscw: ", "read_bytes: ", "write_bytes: ", "cancelled_write_bytes: "};
    for (int i = 0; i < 7; i++) printf("%s%s\n", names[i], field(names[i]) >= 0 ? "there" : "missing");
    long rchar = field("rchar: "), wchar = field("wchar: "), syscr = field("syscr: "), syscw = field("syscw: ");
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    char bytes[1000] = {0};
    struct iovec parts[] = {{bytes, 300}, {bytes, 400}};
    MUST(write(fd, bytes, 1000));
    MUST(writev(fd, parts, 2));
    MUST(pwrite(fd, bytes, 50, 0));
    MUST(pread(fd, bytes, 500, 0));
    MUST(preadv(fd, parts, 2, 0));
    read(fd, (void *)8, 10);
    ssize_t own = 0;
    fflush(stdout);
    int io = MUST(open("/proc/self/io", O_RDONLY));
    own = read(io, text, sizeof text - 1);
    text[own] = 0;
    close(io);
    // What the first look itself read is in it, too.
    printf("written %ld in %ld\n", field("wchar: ") - wchar - 7 * 0, field("syscw: ") - syscw);
    FACT(field("rchar: ") - rchar >= 1200 && field("rchar: ") - rchar < 2000);
    FACT(field("syscr: ") - syscr >= 4);

    load("/proc/loadavg");
    double loads[3];
    int running, all, last;
    printf("loadavg: %d fields\n", sscanf(text, "%lf %lf %lf %d/%d %d", &loads[0], &loads[1], &loads[2], &running, &all, &last));
    FACT(loads[0] >= 0 && loads[1] >= 0 && loads[2] >= 0 && running >= 1 && all >= running);

    int stream = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un name = {AF_UNIX, "here"};
    MUST(bind(stream, (void *)&name, sizeof name));
    MUST(listen(stream, 1));
    int datagram = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct sockaddr_un abstract = {AF_UNIX, "\0abstract"};
    MUST(bind(datagram, (void *)&abstract, sizeof(sa_family_t) + 9));
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    load("/proc/net/unix");
    printf("%.*s\n", (int)strcspn(text, "\n"), text);
    struct stat st[3];
    int fds[] = {stream, datagram, pair[0]};
    for (int i = 0; i < 3; i++) MUST(fstat(fds[i], &st[i]));
    for (int i = 0; i < 3; i++) {
        char *copy = strdup(text);
        for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
            unsigned long number, refs, protocol, flags, type, state, inode;
            int end = 0;
            if (sscanf(line, "%lx: %lx %lx %lx %lx %lx %lu%n", &number, &refs, &protocol, &flags, &type, &state, &inode, &end) < 7) continue;
            if (inode == st[i].st_ino) printf("socket %d: flags %lx type %lx state %lx%s\n", i, flags, type, state, line + end);
        }
    }

    int in = MUST(inotify_init());
    MUST(inotify_add_watch(in, ".", IN_CREATE | IN_DELETE));
    MUST(inotify_add_watch(in, "file", IN_MODIFY));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", in);
    load(path);
    struct stat here, file;
    stat(".", &here);
    stat("file", &file);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned wd, mask;
        unsigned long ino, dev;
        if (sscanf(line, "inotify wd:%x ino:%lx sdev:%lx mask:%x", &wd, &ino, &dev, &mask) == 4)
            printf("watch %u of %s: %x\n", wd, ino == here.st_ino ? "." : ino == file.st_ino ? "file" : "other", mask);
    }
}
