#include "conformance.h"
#include <sys/time.h>

static atomic_int fired;
static int last_value, last_code;

static void handler(int signal, siginfo_t *info, void *context) {
    last_value = info->si_value.sival_int;
    last_code = info->si_code;
    fired++;
}

static double cpu(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void try(const char *name, clockid_t clock) {
    timer_t timer;
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 31};
    printf("%s: ", name);
    VALUE(timer_create(clock, &how, &timer));
    fired = 0;
    struct itimerspec when = {{0, 0}, {0, 50000000}}, now;
    double start = cpu(clock);
    VALUE(timer_settime(timer, 0, &when, NULL));
    // Time that passes asleep does not count.
    pause_ms(120);
    FACT(fired == 0);
    timer_gettime(timer, &now);
    FACT(now.it_value.tv_sec == 0 && now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 50000000);
    while (!fired) {
    }
    FACT(cpu(clock) - start >= 0.05);
    printf("value %d code %d\n", last_value, last_code);
    timer_gettime(timer, &now);
    FACT(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    // Periodic, and with an absolute first time that is past.
    struct itimerspec each = {{0, 20000000}, {0, 1}};
    fired = 0;
    VALUE(timer_settime(timer, TIMER_ABSTIME, &each, NULL));
    while (fired < 3) {
    }
    VALUE(timer_delete(timer));
    fired = 0;
    for (double until = cpu(clock) + 0.05; cpu(clock) < until;) {
    }
    FACT(fired == 0);
}

static void *idle(void *unused) {
    pause();
    return NULL;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    try("process", CLOCK_PROCESS_CPUTIME_ID);
    try("thread", CLOCK_THREAD_CPUTIME_ID);
    clockid_t own;
    clock_getcpuclockid(0, &own);
    try("own process", own);
    // The clock of another thread, which does nothing.
    pthread_t thread;
    pthread_create(&thread, NULL, idle, NULL);
    pthread_getcpuclockid(thread, &own);
    timer_t timer;
    MUST(timer_create(own, NULL, &timer));
    struct itimerspec when = {{0, 0}, {5, 0}}, now;
    MUST(timer_settime(timer, 0, &when, NULL));
    for (double until = cpu(CLOCK_PROCESS_CPUTIME_ID) + 0.03; cpu(CLOCK_PROCESS_CPUTIME_ID) < until;) {
    }
    timer_gettime(timer, &now);
    FACT(now.it_value.tv_sec == 4 && now.it_value.tv_nsec > 900000000 || now.it_value.tv_sec == 5);
    VALUE(timer_delete(timer));
    VALUE(timer_create(12345, NULL, &timer));
}
