#include "conformance.h"

static int lock_by(int fd, int command, int type, int start) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
    return fcntl(fd, command, &lock);
}

// Closing any descriptor of a file gives up the process's locks; those of a description live as long as it does.
int main(void) {
    int a = MUST(open("file", O_CREAT | O_RDWR, 0600)), b = MUST(open("file", O_RDWR)), c = MUST(open("file", O_RDWR));
    VALUE(lock_by(a, F_SETLK, F_WRLCK, 0));
    VALUE(lock_by(b, F_OFD_SETLK, F_WRLCK, 0));
    MUST(close(c));
    VALUE(lock_by(b, F_OFD_SETLK, F_WRLCK, 0));
    VALUE(lock_by(a, F_SETLK, F_WRLCK, 0));
    VALUE(lock_by(b, F_OFD_SETLK, F_UNLCK, 0));
    VALUE(lock_by(a, F_SETLK, F_WRLCK, 0));
    // Also a descriptor that another takes the place of.
    int d = MUST(open("file", O_RDONLY)), null = MUST(open("/dev/null", O_RDONLY));
    MUST(dup2(null, d));
    VALUE(lock_by(b, F_OFD_SETLK, F_WRLCK, 0));
    int b2 = MUST(dup(b));
    MUST(close(b));
    VALUE(lock_by(a, F_SETLK, F_WRLCK, 0));
    MUST(close(b2));
    VALUE(lock_by(a, F_SETLK, F_WRLCK, 0));
    // On what has no bytes to lock.
    int ends[2];
    MUST(pipe(ends));
    VALUE(lock_by(ends[0], F_SETLK, F_RDLCK, 0));
    VALUE(lock_by(MUST(open(".", O_RDONLY)), F_SETLK, F_RDLCK, 0));
    VALUE(lock_by(MUST(open("file", O_PATH)), F_SETLK, F_RDLCK, 0));
}
