#include "conformance.h"

static atomic_int fired, value, code;
static void on_signal(int signal, siginfo_t *info, void *context) {
    value = info->si_value.sival_int;
    code = info->si_code;
    fired++;
}
static atomic_int notified;
static void in_thread(union sigval argument) { notified = argument.sival_int; }

int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    timer_t timer, other;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 33};
    VALUE(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec often = {{0, 5000000}, {0, 5000000}}, left;
    VALUE(timer_settime(timer, 0, &often, NULL));
    while (fired < 3) pause_ms(1);
    printf("value %d, code %d\n", value, code);
    VALUE(timer_gettime(timer, &left));
    FACT(left.it_interval.tv_nsec == 5000000);
    FACT(timer_getoverrun(timer) >= 0);
    VALUE(timer_delete(timer));
    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    VALUE(timer_create(CLOCK_REALTIME, &event, &timer));
    struct itimerspec once = {{0, 0}, {100, 0}};
    VALUE(timer_settime(timer, 0, &once, NULL));
    VALUE(timer_gettime(timer, &left));
    FACT(left.it_value.tv_sec == 99 || left.it_value.tv_sec == 100);
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread, .sigev_value.sival_int = 8};
    VALUE(timer_create(CLOCK_MONOTONIC, &event, &other));
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    VALUE(timer_settime(other, 0, &soon, NULL));
    while (!notified) pause_ms(1);
    printf("notified %d\n", notified);
    VALUE(syscall(SYS_timer_delete, 12345));
}
