// CPU time in the kernel is told apart from that in the program.
#include "conformance.h"
#include <sys/resource.h>
#include <sys/times.h>

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

static void shares(int who, double *user, double *system) {
    struct rusage usage;
    MUST(getrusage(who, &usage));
    *user = seconds(usage.ru_utime);
    *system = seconds(usage.ru_stime);
}

static void measure(const char *what, int calls) {
    double user[2], system[2];
    shares(RUSAGE_THREAD, &user[0], &system[0]);
    double before = user[0] + system[0];
    static char bytes[64 << 10];
    int fd = MUST(open("/dev/zero", O_RDONLY));
    do {
        if (calls) read(fd, bytes, sizeof bytes);
        else for (volatile int i = 0; i < 100000; i++) {
        }
        shares(RUSAGE_THREAD, &user[1], &system[1]);
    } while (user[1] + system[1] < before + 1);
    close(fd);
    double share = (system[1] - system[0]) / (user[1] + system[1] - before);
    printf("%s: %s\n", what, share < 0.2 ? "the program" : share > 0.3 ? "the kernel" : "between");
}

int main(void) {
    measure("a loop", 0);
    measure("reading", 1);
    double user, system, last_user = 0, last_system = 0;
    int backwards = 0;
    for (int i = 0; i < 2000; i++) {
        shares(RUSAGE_SELF, &user, &system);
        backwards += user < last_user || system < last_system;
        last_user = user, last_system = system;
    }
    VALUE(backwards);
    struct tms ticks;
    FACT(times(&ticks) != (clock_t)-1 && ticks.tms_stime > 10 && ticks.tms_utime > 10);
    FACT(ticks.tms_cutime == 0 && ticks.tms_cstime == 0);
    return 0;
}
