#include "conformance.h"

static void where(void) {
    char path[512];
    long got = syscall(SYS_getcwd, path, sizeof path);
    if (got < 0) printf("getcwd: %s\n", error_name(errno));
    else if (strncmp(path, "(unreachable)/", 14) == 0) printf("getcwd: somewhere unreachable\n");
    else printf("getcwd: %s\n", path);
}

// A root of one's own.
int main(void) {
    struct stat st;
    char text[64];
    umask(0);
    MUST(mkdir("jail", 0755));
    MUST(mkdir("jail/etc", 0755));
    MUST(mkdir("jail/closed", 0000));
    int fd = MUST(open("jail/etc/motd", O_CREAT | O_WRONLY, 0644));
    MUST(write(fd, "inside", 6));
    MUST(symlink("/etc/motd", "jail/absolute"));
    MUST(symlink("../../../../etc/motd", "jail/relative"));
    int outside = MUST(open(".", O_RDONLY));
    VALUE(chroot("missing"));
    VALUE(chroot("jail/etc/motd"));
    VALUE(chroot((char *)8));
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    VALUE(chroot(longer));
    MUST(symlink("loop", "loop"));
    VALUE(chroot("loop"));
    MUST(seteuid(4321));
    VALUE(chroot("/"));
    MUST(seteuid(0));

    VALUE(chroot("jail"));
    // The working directory is outside still.
    VALUE(stat("jail/etc/motd", &st));
    where();
    VALUE(chdir("/"));
    where();
    VALUE(stat("/etc/motd", &st));
    VALUE(stat("/etc/passwd", &st));
    VALUE(stat("../../../etc/motd", &st));
    FACT(stat("/..", &st) == 0 && st.st_ino == ({ struct stat top; stat("/", &top); top.st_ino; }));
    VALUE(read(MUST(open("/absolute", O_RDONLY)), text, sizeof text));
    VALUE(read(MUST(open("/relative", O_RDONLY)), text, sizeof text));
    VALUE(mkdir("/new", 0755));
    VALUE(chdir("/new"));
    where();
    VALUE(stat("/proc/self", &st));
    // A descriptor from before leads out, for who has one.
    VALUE(fstatat(outside, "jail/new", &st, 0));
    VALUE(fchdir(outside));
    VALUE(stat("jail/new", &st));
    VALUE(chroot("."));
    VALUE(stat("/jail/new", &st));
    where();
}
