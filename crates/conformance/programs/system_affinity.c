// build: glibc musl
#include "conformance.h"

int main(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    VALUE(sched_getaffinity(0, sizeof set, &set));
    FACT(CPU_COUNT(&set) >= 1 && CPU_ISSET(0, &set));
    FACT(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) == 8 || syscall(SYS_sched_getaffinity, 0, sizeof set, &set) % 8 == 0);
    VALUE(syscall(SYS_sched_getaffinity, 0, 3, &set));
    VALUE(syscall(SYS_sched_getaffinity, 0x3ffffffe, sizeof set, &set));
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    VALUE(sched_setaffinity(0, sizeof set, &set));
    VALUE(sched_getcpu());
    VALUE(sched_getaffinity(0, sizeof set, &set));
    FACT(CPU_COUNT(&set) == 1);
    CPU_ZERO(&set);
    VALUE(sched_setaffinity(0, sizeof set, &set));
    unsigned cpu = 99, node = 99;
    VALUE(syscall(SYS_getcpu, &cpu, &node, NULL));
    printf("cpu %u, node %u\n", cpu, node);
    VALUE(sched_yield());
    VALUE(sched_getscheduler(0));
    FACT(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_FIFO) == 1);
    VALUE(sched_get_priority_max(SCHED_OTHER));
    VALUE(sched_get_priority_max(99));
}
