// build: glibc musl
#include "conformance.h"
#include <sys/time.h>

static atomic_int alarms;
static void on_alarm(int signal) { alarms++; }

int main(void) {
    signal(SIGALRM, on_alarm);
    struct itimerval often = {{0, 5000}, {0, 5000}}, old;
    VALUE(setitimer(ITIMER_REAL, &often, NULL));
    while (alarms < 5) pause();
    VALUE(getitimer(ITIMER_REAL, &old));
    FACT(old.it_interval.tv_sec == 0 && old.it_interval.tv_usec == 5000);
    struct itimerval off = {{0, 0}, {0, 0}};
    VALUE(setitimer(ITIMER_REAL, &off, &old));
    FACT(old.it_interval.tv_usec == 5000);
    alarms = 0;
    struct itimerval once = {{0, 0}, {0, 10000}};
    setitimer(ITIMER_REAL, &once, NULL);
    while (!alarms) {
    }
    pause_ms(30);
    printf("alarms %d\n", alarms);
    VALUE(getitimer(ITIMER_REAL, &old));
    FACT(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    VALUE(alarm(100));
    FACT(alarm(0) == 100);
    VALUE(alarm(0));
    struct itimerval bad = {{0, 0}, {0, 1000000}};
    VALUE(setitimer(ITIMER_REAL, &bad, NULL));
    VALUE(setitimer(9, &once, NULL));
    VALUE(getitimer(9, &old));
}
