#include "conformance.h"

static atomic_int tid, got_in, wrong_thread, overruns;

static void handler(int signal, siginfo_t *info, void *context) {
    got_in++;
    if (gettid() != tid) wrong_thread++;
    overruns += info->si_overrun;
}

static void *worker(void *unused) {
    tid = gettid();
    while (got_in < 3) {
        struct timespec t = {0, 1000000};
        nanosleep(&t, NULL);
    }
    return NULL;
}

static void in_thread(union sigval value) {
    printf("in a thread, value %d\n", value.sival_int);
    got_in = 1;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN + 1, &action, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    while (!tid) sched_yield();
    struct sigevent how = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
    how._sigev_un._tid = tid;
    timer_t timer;
    VALUE(timer_create(CLOCK_MONOTONIC, &how, &timer));
    struct itimerspec each = {{0, 5000000}, {0, 5000000}}, now;
    VALUE(timer_settime(timer, 0, &each, NULL));
    pthread_join(thread, NULL);
    VALUE(wrong_thread);
    VALUE(timer_delete(timer));
    how._sigev_un._tid = 0x3fffffff;
    VALUE(timer_create(CLOCK_MONOTONIC, &how, &timer));
    // Nobody is told: it only keeps time.
    how = (struct sigevent){.sigev_notify = SIGEV_NONE};
    VALUE(timer_create(CLOCK_REALTIME, &how, &timer));
    struct itimerspec hour = {{0, 0}, {3600, 0}};
    VALUE(timer_settime(timer, 0, &hour, &now));
    FACT(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    timer_gettime(timer, &now);
    FACT(now.it_value.tv_sec == 3599 || now.it_value.tv_sec == 3600);
    VALUE(timer_getoverrun(timer));
    VALUE(timer_delete(timer));
    VALUE(timer_delete(timer));
    VALUE(timer_getoverrun(timer));
    VALUE(timer_gettime(timer, &now));
    // The library's own thread runs the function.
    got_in = 0;
    how = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 12};
    MUST(timer_create(CLOCK_MONOTONIC, &how, &timer));
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    MUST(timer_settime(timer, 0, &soon, NULL));
    while (!got_in) sched_yield();
    VALUE(timer_delete(timer));
    // While its signal is blocked, expirations are counted.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    how = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
    MUST(timer_create(CLOCK_MONOTONIC, &how, &timer));
    MUST(timer_settime(timer, 0, &each, NULL));
    pause_ms(60);
    siginfo_t info;
    FACT(sigwaitinfo(&set, &info) == SIGRTMIN + 1);
    FACT(info.si_overrun >= 5);
    FACT(timer_getoverrun(timer) >= 5);
    // Deleting forgets what waits.
    pause_ms(10);
    VALUE(timer_delete(timer));
    struct timespec none = {0, 0};
    VALUE(sigtimedwait(&set, NULL, &none));
    how.sigev_signo = 65;
    VALUE(timer_create(CLOCK_MONOTONIC, &how, &timer));
    how.sigev_signo = SIGUSR1;
    how.sigev_notify = 77;
    VALUE(timer_create(CLOCK_MONOTONIC, &how, &timer));
    each.it_value.tv_nsec = 1000000000;
    MUST(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    VALUE(timer_settime(timer, 0, &each, NULL));
    VALUE(timer_settime(timer, 0, NULL, NULL));
}
