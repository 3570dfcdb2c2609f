// build: glibc musl
#include "conformance.h"

static struct flock range(int type, long start, long len) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static void ask(int fd, const char *what, int type, long start, long len) {
    struct flock lock = range(type, start, len);
    int result = fcntl(fd, F_OFD_GETLK, &lock);
    printf("%s: %s", what, error_name(result ? errno : 0));
    if (lock.l_type == F_UNLCK) printf(" free\n");
    else printf(" %s from %ld len %ld whence %d pid %d\n", lock.l_type == F_WRLCK ? "write" : "read", (long)lock.l_start,
                (long)lock.l_len, lock.l_whence, lock.l_pid == -1 ? -1 : lock.l_pid == getpid());
}

static int set(int fd, int command, int type, long start, long len) {
    struct flock lock = range(type, start, len);
    return fcntl(fd, command, &lock);
}

// Locks of open file descriptions and of the process, on ranges of bytes.
int main(void) {
    int a = MUST(open("file", O_CREAT | O_RDWR, 0600)), b = MUST(open("file", O_RDWR)), r = MUST(open("file", O_RDONLY)),
        w = MUST(open("file", O_WRONLY));
    VALUE(set(a, F_OFD_SETLK, F_WRLCK, 10, 10));
    VALUE(set(b, F_OFD_SETLK, F_WRLCK, 15, 1));
    VALUE(set(b, F_OFD_SETLK, F_RDLCK, 19, 5));
    VALUE(set(b, F_OFD_SETLK, F_WRLCK, 20, 5));
    VALUE(set(b, F_OFD_SETLK, F_WRLCK, 0, 10));
    ask(b, "what b meets", F_WRLCK, 0, 0);
    ask(a, "what a meets", F_RDLCK, 0, 0);
    ask(r, "between", F_RDLCK, 10, 10);
    ask(r, "behind all", F_RDLCK, 25, 0);
    // A hole in the middle makes two of it; a read lock in the middle makes three.
    VALUE(set(a, F_OFD_SETLK, F_UNLCK, 12, 2));
    ask(b, "left of the hole", F_WRLCK, 10, 0);
    ask(b, "the hole", F_WRLCK, 12, 2);
    ask(b, "right of the hole", F_WRLCK, 13, 0);
    VALUE(set(a, F_OFD_SETLK, F_RDLCK, 16, 2));
    ask(b, "read over read", F_RDLCK, 16, 2);
    ask(b, "write over read", F_WRLCK, 16, 1);
    VALUE(set(a, F_OFD_SETLK, F_WRLCK, 10, 10));
    ask(b, "one again", F_WRLCK, 11, 1);
    VALUE(set(dup(a), F_OFD_SETLK, F_WRLCK, 12, 1));
    // The process is another owner, and one owner through all its descriptors.
    VALUE(set(b, F_SETLK, F_WRLCK, 10, 1));
    VALUE(set(b, F_SETLK, F_WRLCK, 100, 10));
    VALUE(set(a, F_SETLK, F_WRLCK, 105, 10));
    VALUE(set(a, F_OFD_SETLK, F_RDLCK, 104, 1));
    ask(a, "the process", F_RDLCK, 100, 0);
    struct flock lock = range(F_WRLCK, 0, 0);
    VALUE(fcntl(b, F_GETLK, &lock));
    printf("type %d pid %d start %ld len %ld\n", lock.l_type, lock.l_pid, (long)lock.l_start, (long)lock.l_len);
    VALUE(set(r, F_OFD_SETLK, F_WRLCK, 200, 1));
    VALUE(set(w, F_OFD_SETLK, F_RDLCK, 200, 1));
    VALUE(set(r, F_OFD_SETLK, F_RDLCK, 200, 1));
    lock = range(F_RDLCK, 0, 1);
    lock.l_pid = 5;
    VALUE(fcntl(a, F_OFD_SETLK, &lock));
    VALUE(fcntl(a, F_OFD_GETLK, &lock));
    VALUE(set(a, F_SETLK, 77, 0, 1));
    VALUE(set(a, F_GETLK, F_UNLCK, 0, 1));
    VALUE(set(a, F_SETLK, F_RDLCK, -5, 1));
    VALUE(set(a, F_SETLK, F_RDLCK, 5, -10));
    VALUE(set(a, F_SETLK, F_RDLCK, LONG_MAX, 5));
    VALUE(set(99, F_SETLK, F_RDLCK, 0, 1));
    VALUE(fcntl(a, F_SETLK, (void *)8));
    lock = range(F_WRLCK, -3, 3);
    lock.l_whence = SEEK_END;
    MUST(ftruncate(a, 1000));
    VALUE(fcntl(a, F_OFD_SETLK, &lock));
    ask(b, "from the end", F_WRLCK, 900, 0);
    lock = range(F_WRLCK, 50, -10);
    VALUE(fcntl(a, F_OFD_SETLK, &lock));
    ask(b, "backwards", F_WRLCK, 30, 30);
    lock.l_whence = 9;
    VALUE(fcntl(a, F_OFD_SETLK, &lock));
}
