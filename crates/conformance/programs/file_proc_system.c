#include "conformance.h"

static char text[1 << 20];
static const char *slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    memset(text, 0, sizeof text);
    if (fd < 0) return error_name(errno);
    size_t have = 0;
    ssize_t got;
    while (have < sizeof text - 1 && (got = read(fd, text + have, sizeof text - 1 - have)) > 0) have += (size_t)got;
    close(fd);
    return text;
}

int main(void) {
    unsigned long total = 0;
    slurp("/proc/meminfo");
    FACT(sscanf(text, "MemTotal: %lu kB", &total) == 1 && total > 1000);
    FACT(strstr(text, "\nMemFree:") && strstr(text, "\nMemAvailable:") && strstr(text, "\nCached:"));
    FACT(strstr(slurp("/proc/cpuinfo"), "processor\t: 0\n") != NULL);
    FACT(strstr(text, "flags\t\t: ") != NULL);
    FACT(strncmp(slurp("/proc/stat"), "cpu  ", 5) == 0);
    double up;
    FACT(sscanf(slurp("/proc/uptime"), "%lf", &up) == 1 && up >= 0);
    double load;
    FACT(sscanf(slurp("/proc/loadavg"), "%lf", &load) == 1);
    FACT(strncmp(slurp("/proc/version"), "Linux version ", 14) == 0);
    FACT(strstr(slurp("/proc/mounts"), "proc ") != NULL);
    FACT(strstr(slurp("/proc/filesystems"), "proc") != NULL);
    FACT(atoi(slurp("/proc/sys/kernel/pid_max")) > 0);
    FACT(atoi(slurp("/proc/sys/net/core/somaxconn")) > 0);
    int overcommit = slurp("/proc/sys/vm/overcommit_memory")[0] - '0';
    FACT(overcommit >= 0 && overcommit <= 2);
    FACT(strlen(slurp("/proc/sys/kernel/random/boot_id")) == 37);
    FACT(strlen(slurp("/proc/sys/kernel/random/uuid")) == 37);
    FACT(strlen(slurp("/proc/sys/kernel/hostname")) > 1);
    FACT(slurp("/sys/devices/system/cpu/online")[0] == '0');
    FACT(access("/proc/1", F_OK) == 0);
    struct stat status;
    stat("/proc/meminfo", &status);
    VALUE(status.st_size);
    FACT(S_ISREG(status.st_mode));
}
