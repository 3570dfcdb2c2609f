#include "conformance.h"
#include <fenv.h>

// Rounding modes belong to a thread and survive what interrupts it.
static void *other(void *argument) {
    printf("a new thread has its maker's rounding: %s\n", fegetround() == FE_UPWARD ? "yes" : "no");
    fesetround(FE_TOWARDZERO);
    for (int i = 0; i < 10; i++) sched_yield();
    printf("own rounding kept: %s\n", fegetround() == FE_TOWARDZERO ? "yes" : "no");
    return NULL;
}

static int in_handler;
static void on(int signal) {
    in_handler = fegetround();
    fesetround(FE_DOWNWARD);
}

int main(void) {
    fesetround(FE_UPWARD);
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    pthread_join(thread, NULL);
    FACT(fegetround() == FE_UPWARD);
    signal(SIGUSR1, on);
    raise(SIGUSR1);
    FACT(fegetround() == FE_UPWARD);
    volatile double one = 1, three = 3;
    printf("%.17g\n", one / three);
    fesetround(FE_TONEAREST);
    printf("%.17g\n", one / three);
    feraiseexcept(FE_DIVBYZERO);
    raise(SIGUSR1);
    FACT(fetestexcept(FE_DIVBYZERO) == FE_DIVBYZERO);
    volatile long double x = 1.0L / 3;
    sched_yield();
    printf("%.20Lg\n", x);
}
