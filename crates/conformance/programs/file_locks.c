#include "conformance.h"
#include <sys/file.h>

int main(void) {
    int a = MUST(open("file", O_CREAT | O_RDWR, 0600)), b = MUST(open("file", O_RDWR));
    VALUE(flock(a, LOCK_EX));
    VALUE(flock(b, LOCK_EX | LOCK_NB));
    VALUE(flock(b, LOCK_SH | LOCK_NB));
    VALUE(flock(a, LOCK_SH));
    VALUE(flock(b, LOCK_SH | LOCK_NB));
    VALUE(flock(a, LOCK_EX | LOCK_NB));
    VALUE(flock(b, LOCK_UN));
    VALUE(flock(a, LOCK_EX | LOCK_NB));
    VALUE(flock(dup(a), LOCK_EX | LOCK_NB));
    VALUE(flock(a, 77));
    VALUE(flock(99, LOCK_EX));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    VALUE(fcntl(a, F_SETLK, &lock));
    // Record locks belong to the process: no conflict with itself.
    VALUE(fcntl(b, F_SETLK, &lock));
    lock.l_type = F_RDLCK;
    VALUE(fcntl(b, F_GETLK, &lock));
    FACT(lock.l_type == F_UNLCK);
}
