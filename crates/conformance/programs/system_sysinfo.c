// build: glibc musl
#include "conformance.h"
#include <sys/sysinfo.h>

int main(void) {
    struct sysinfo info;
    VALUE(sysinfo(&info));
    FACT(info.uptime >= 0 && info.totalram > 0 && info.freeram > 0 && info.freeram <= info.totalram);
    FACT(info.mem_unit == 1 || info.mem_unit == 4096);
    FACT(info.procs >= 1);
    FACT(sysconf(_SC_PAGESIZE) == 4096);
    FACT(sysconf(_SC_PHYS_PAGES) > 0 && sysconf(_SC_AVPHYS_PAGES) > 0);
    FACT(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
    FACT(sysconf(_SC_OPEN_MAX) >= 256);
    VALUE(sysconf(_SC_IOV_MAX));
    VALUE(syscall(SYS_sysinfo, NULL));
}
