// What every conformance program prints with: facts by name, never addresses, times or process numbers.
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *error_name(int error) {
    switch (error) {
#define E(name) case name: return #name;
        case 0: return "ok";
        E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(ENXIO) E(E2BIG) E(ENOEXEC) E(EBADF) E(ECHILD) E(EAGAIN)
        E(ENOMEM) E(EACCES) E(EFAULT) E(EBUSY) E(EEXIST) E(EXDEV) E(ENODEV) E(ENOTDIR) E(EISDIR) E(EINVAL)
        E(ENFILE) E(EMFILE) E(ENOTTY) E(ETXTBSY) E(EFBIG) E(ENOSPC) E(ESPIPE) E(EROFS) E(EMLINK) E(EPIPE)
        E(EDOM) E(ERANGE) E(EDEADLK) E(ENAMETOOLONG) E(ENOLCK) E(ENOSYS) E(ENOTEMPTY) E(ELOOP) E(ENODATA)
        E(EOVERFLOW) E(ENOTSOCK) E(EDESTADDRREQ) E(EMSGSIZE) E(EPROTOTYPE) E(ENOPROTOOPT) E(EPROTONOSUPPORT)
        E(ESOCKTNOSUPPORT) E(EOPNOTSUPP) E(EPFNOSUPPORT) E(EAFNOSUPPORT) E(EADDRINUSE) E(EADDRNOTAVAIL)
        E(ENETDOWN) E(ENETUNREACH) E(ECONNABORTED) E(ECONNRESET) E(ENOBUFS) E(EISCONN) E(ENOTCONN)
        E(ESHUTDOWN) E(ETIMEDOUT) E(ECONNREFUSED) E(EHOSTUNREACH) E(EALREADY) E(EINPROGRESS) E(ECANCELED)
        E(EOWNERDEAD) E(ENOTRECOVERABLE)
#undef E
    }
    return "other error";
}

// The value of an expression that is -1 with errno when it fails.
#define VALUE(expr) do { \
    errno = 0; \
    long value_ = (long)(expr); \
    if (value_ == -1 && errno) printf("%s = -1 %s\n", #expr, error_name(errno)); \
    else printf("%s = %ld\n", #expr, value_); \
} while (0)

// Whether such an expression succeeds, where its value is a descriptor or an address.
#define WORKS(expr) do { \
    errno = 0; \
    long value_ = (long)(expr); \
    printf("%s: %s\n", #expr, value_ == -1 ? error_name(errno) : "ok"); \
} while (0)

// The error number that a pthread function returns.
#define RETURNS(expr) do { int value_ = (expr); printf("%s: %s\n", #expr, error_name(value_)); } while (0)

// A fact.
#define FACT(expr) printf("%s: %s\n", #expr, (expr) ? "yes" : "no")

// What must work for the rest to make sense; its value.
#define MUST(expr) ({ \
    long value_ = (long)(expr); \
    if (value_ == -1) { printf("%s failed: %s\n", #expr, error_name(errno)); exit(99); } \
    value_; \
})

static inline double monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// A pause so long that what other threads have to do has happened, where they cannot be asked; never for correctness.
static inline void pause_ms(long ms) {
    struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&rest, &rest) == -1 && errno == EINTR) {
    }
}

// Where the state `wanted` of thread `tid` (a letter of /proc/PID/stat) is waited for instead of a pause.
static inline void until_asleep(pid_t tid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return;
        ssize_t got = read(fd, text, sizeof text - 1);
        close(fd);
        if (got <= 0) return;
        text[got] = 0;
        char *end = strrchr(text, ')');
        if (end && end[2] == 'S') return;
        sched_yield();
    }
}

__attribute__((constructor)) static void lines_as_they_come(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
}

#endif
