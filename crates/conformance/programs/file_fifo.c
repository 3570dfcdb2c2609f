// build: glibc musl
#include "conformance.h"

static atomic_int tid;

static void *writer(void *unused) {
    tid = gettid();
    int fd = open("fifo", O_WRONLY);
    ssize_t wrote = write(fd, "through the name", 16);
    close(fd);
    return (void *)wrote;
}

static int ready(int fd, int events) {
    struct pollfd p = {fd, events, 0};
    poll(&p, 1, 0);
    return p.revents;
}

// Named pipes between threads.
int main(void) {
    umask(0);
    VALUE(mkfifo("fifo", 0640));
    VALUE(mkfifo("fifo", 0640));
    VALUE(mkfifo("missing/fifo", 0640));
    struct stat st;
    MUST(stat("fifo", &st));
    printf("fifo %d mode %o size %ld links %ld\n", S_ISFIFO(st.st_mode), st.st_mode & 07777, (long)st.st_size, (long)st.st_nlink);
    VALUE(open("fifo", O_WRONLY | O_NONBLOCK));
    int r = MUST(open("fifo", O_RDONLY | O_NONBLOCK));
    char buffer[64];
    VALUE(read(r, buffer, sizeof buffer));
    VALUE(ready(r, POLLIN));
    int w = MUST(open("fifo", O_WRONLY | O_NONBLOCK));
    VALUE(read(r, buffer, sizeof buffer));
    VALUE(write(w, "abc", 3));
    VALUE(ready(r, POLLIN));
    VALUE(read(r, buffer, sizeof buffer));
    VALUE(ready(w, POLLOUT));
    MUST(close(w));
    VALUE(ready(r, POLLIN));
    VALUE(read(r, buffer, sizeof buffer));
    VALUE(lseek(r, 0, SEEK_SET));
    VALUE(ftruncate(r, 0));
    MUST(close(r));
    // Opening waits for the other side.
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    r = MUST(open("fifo", O_RDONLY));
    ssize_t got = read(r, buffer, sizeof buffer);
    printf("%zd '%.*s'\n", got, (int)got, buffer);
    void *wrote;
    pthread_join(thread, &wrote);
    VALUE(wrote);
    VALUE(read(r, buffer, sizeof buffer));
    MUST(close(r));
    // Both ends in one: nothing to wait for, never hung up.
    int both = MUST(open("fifo", O_RDWR));
    VALUE(write(both, "self", 4));
    VALUE(ready(both, POLLIN | POLLOUT));
    VALUE(read(both, buffer, sizeof buffer));
    VALUE(fcntl(both, F_GETPIPE_SZ));
    MUST(write(both, "lost", 4));
    MUST(close(both));
    r = MUST(open("fifo", O_RDONLY | O_NONBLOCK));
    VALUE(read(r, buffer, sizeof buffer));
    w = MUST(open("fifo", O_WRONLY));
    MUST(close(r));
    signal(SIGPIPE, SIG_IGN);
    VALUE(write(w, "x", 1));
    VALUE(ready(w, POLLOUT));
    MUST(unlink("fifo"));
    VALUE(open("fifo", O_RDONLY | O_NONBLOCK));
}
