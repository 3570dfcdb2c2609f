#include "conformance.h"
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <linux/futex.h>

static int ends[2], pair[2], lock_fd, event, listener, full[2];
static uint32_t word;
static sem_t semaphore;
static atomic_int handled;

static void handler(int signal) { handled++; }

static long call_read(void) { char c; return read(ends[0], &c, 1); }
static long call_write(void) { char c[4096] = {0}; return write(full[1], c, 4096); }
static long call_recv(void) { char c; return recv(pair[0], &c, 1, 0); }
static long call_accept(void) { return accept(listener, NULL, NULL); }
static long call_flock(void) { return flock(lock_fd, LOCK_EX); }
static long call_eventfd(void) { uint64_t v; return read(event, &v, 8); }
static long call_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL); }
static long call_futex_timed(void) { struct timespec t = {60, 0}; return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t); }
static long call_poll(void) { struct pollfd p = {ends[0], POLLIN}; return poll(&p, 1, 60000); }
static long call_ppoll(void) { struct pollfd p = {ends[0], POLLIN}; return ppoll(&p, 1, NULL, NULL); }
static long call_select(void) { fd_set set; FD_ZERO(&set); FD_SET(ends[0], &set); return select(ends[0] + 1, &set, NULL, NULL, NULL); }
static long call_epoll(void) {
    struct epoll_event e = {.events = EPOLLIN};
    int fd = epoll_create1(0);
    epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &e);
    return epoll_wait(fd, &e, 1, -1);
}
static long call_nanosleep(void) { struct timespec t = {60, 0}; return nanosleep(&t, &t); }
static long call_clock_nanosleep(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 60;
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    return errno ? -1 : 0;
}
static long call_pause(void) { return pause(); }
static long call_sigtimedwait(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, NULL);
}
static long call_recv_timeout(void) {
    struct timeval t = {60, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    char c;
    return recv(pair[0], &c, 1, 0);
}

// What ends the call when it goes on after the handler.
static void done_read(void) { write(ends[1], "x", 1); }
static void done_write(void) { char c[4096]; read(full[0], c, 4096); }
static void done_recv(void) { write(pair[1], "x", 1); }
static void done_accept(void) {
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    getsockname(listener, (struct sockaddr *)&name, &len);
    connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, len);
}
static void done_flock(void) { flock(MUST(dup(ends[0])), LOCK_UN); extern int holder; flock(holder, LOCK_UN); }
static void done_eventfd(void) { eventfd_write(event, 1); }
static void done_futex(void) { syscall(SYS_futex, &word, FUTEX_WAKE, 1); }
int holder;

static const struct { const char *name; long (*call)(void); void (*done)(void); } calls[] = {
    {"read", call_read, done_read}, {"write", call_write, done_write}, {"recv", call_recv, done_recv}, {"accept", call_accept, done_accept},
    {"flock", call_flock, done_flock}, {"eventfd", call_eventfd, done_eventfd}, {"futex", call_futex, done_futex},
    {"futex with a time", call_futex_timed, NULL}, {"poll", call_poll, NULL}, {"ppoll", call_ppoll, NULL}, {"select", call_select, NULL},
    {"epoll_wait", call_epoll, NULL}, {"nanosleep", call_nanosleep, NULL}, {"clock_nanosleep", call_clock_nanosleep, NULL},
    {"pause", call_pause, NULL}, {"sigtimedwait", call_sigtimedwait, NULL}, {"recv with a time", call_recv_timeout, NULL},
};

static atomic_int tid, which;
static long result;
static int error;

static void *blocked(void *unused) {
    tid = gettid();
    errno = 0;
    result = calls[which].call();
    error = result < 0 ? errno : 0;
    return NULL;
}

static void try(int restart) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t thread;
    tid = handled = 0;
    pthread_create(&thread, NULL, blocked, NULL);
    while (!tid) sched_yield();
    until_asleep(tid);
    pthread_kill(thread, SIGUSR1);
    if (restart && calls[which].done) {
        while (!handled) sched_yield();
        until_asleep(tid);
        calls[which].done();
    }
    pthread_join(thread, NULL);
    printf("%s%s: %s\n", calls[which].name, restart ? ", restarting" : "", error ? error_name(error) : "ok");
}

int main(void) {
    MUST(pipe(ends));
    MUST(pipe(full));
    fcntl(full[1], F_SETPIPE_SZ, 4096);
    char block[4096] = {0};
    MUST(write(full[1], block, 4096));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    event = MUST(eventfd(0, 0));
    holder = MUST(open("file", O_CREAT | O_RDWR, 0600));
    lock_fd = MUST(open("file", O_RDWR));
    MUST(flock(holder, LOCK_EX));
    listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr name = {AF_UNIX};
    MUST(bind(listener, &name, sizeof(sa_family_t)));
    MUST(listen(listener, 1));
    for (which = 0; which < (int)(sizeof calls / sizeof calls[0]); which++) {
        try(0);
        try(1);
    }
    VALUE(syscall(SYS_restart_syscall));
}
