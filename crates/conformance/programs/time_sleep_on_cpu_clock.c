#include "conformance.h"

static atomic_int stop;

static void *burn(void *unused) {
    while (!stop) {
    }
    return NULL;
}

static void handler(int signal) {}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

// Sleeping until the process has used so much; a thread's time ends with it, and counts on for the process.
int main(void) {
    struct timespec t = {0, 40000000};
    pthread_t thread;
    pthread_create(&thread, NULL, burn, NULL);
    double before = now(CLOCK_PROCESS_CPUTIME_ID);
    RETURNS(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL));
    FACT(now(CLOCK_PROCESS_CPUTIME_ID) - before >= 0.04);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    t.tv_nsec += 30000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    RETURNS(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &t, NULL));
    clockid_t theirs;
    pthread_getcpuclockid(thread, &theirs);
    before = now(theirs);
    struct timespec rest = {0, 30000000};
    RETURNS(clock_nanosleep(theirs, 0, &rest, NULL));
    FACT(now(theirs) - before >= 0.03);
    before = now(CLOCK_PROCESS_CPUTIME_ID);
    stop = 1;
    pthread_join(thread, NULL);
    FACT(now(CLOCK_PROCESS_CPUTIME_ID) >= before);
    VALUE(syscall(SYS_clock_gettime, theirs, &t));
    RETURNS(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &rest, NULL));
    VALUE(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &rest, NULL));
    clockid_t mine;
    pthread_getcpuclockid(pthread_self(), &mine);
    RETURNS(clock_nanosleep(mine, 0, &rest, NULL));
    // A signal ends it, and says what is left.
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    timer_t timer;
    MUST(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    struct itimerspec soon = {{0, 0}, {0, 20000000}};
    MUST(timer_settime(timer, 0, &soon, NULL));
    t = (struct timespec){10, 0};
    rest = (struct timespec){0, 0};
    RETURNS(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, &rest));
    FACT(rest.tv_sec == 9);
}
