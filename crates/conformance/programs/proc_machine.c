#include "conformance.h"
#include <sys/sysinfo.h>

static char text[65536];

static ssize_t load(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, error_name(errno));
        return -1;
    }
    ssize_t got = 0, part;
    while ((part = read(fd, text + got, sizeof text - 1 - got)) > 0) got += part;
    close(fd);
    text[got] = 0;
    return got;
}

static long number(const char *key) {
    char *at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

static int count(const char *word) {
    int found = 0;
    for (char *at = text; (at = strstr(at, word)); at += strlen(word)) found++;
    return found;
}

// What describes the machine: the figures of one source agree with those of another.
int main(void) {
    load("/proc/cpuinfo");
    FACT(count("processor\t:") == sysconf(_SC_NPROCESSORS_ONLN));
    const char *keys[] = {"vendor_id\t:", "cpu family\t:", "model\t\t:", "model name\t:", "stepping\t:", "cpu MHz\t\t:", "cache size\t:", "physical id\t:",
                          "siblings\t:", "core id\t\t:", "cpu cores\t:", "flags\t\t:", "bogomips\t:", "clflush size\t:", "address sizes\t:"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) printf("%.6s %s\n", keys[i], strstr(text, keys[i]) ? "yes" : "no");
    FACT(strstr(text, " sse2 ") && strstr(text, " lm ") && strstr(text, " syscall "));
    struct sysinfo info;
    sysinfo(&info);
    load("/proc/meminfo");
    FACT(number("MemTotal:") == (long)(info.totalram * info.mem_unit / 1024));
    FACT(number("MemFree:") <= number("MemTotal:") && number("MemAvailable:") > 0);
    const char *rows[] = {"Buffers:", "Cached:", "SwapTotal:", "SwapFree:", "Active:", "Inactive:", "AnonPages:", "Mapped:", "Shmem:", "Slab:", "SReclaimable:",
                          "CommitLimit:", "Committed_AS:", "VmallocTotal:", "HugePages_Total:", "Hugepagesize:", "Dirty:", "Writeback:"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) printf("%s %s\n", rows[i], number(rows[i]) >= 0 ? "yes" : "no");
    VALUE(number("Hugepagesize:"));
    FACT(sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 1024 == number("MemTotal:"));
    load("/proc/stat");
    FACT(count("\ncpu") == sysconf(_SC_NPROCESSORS_ONLN));
    FACT(!strncmp(text, "cpu ", 4));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    FACT(number("btime ") > 0 && number("btime ") <= now.tv_sec);
    FACT(number("ctxt ") > 0 && number("processes ") > 0 && number("procs_running ") >= 1 && number("procs_blocked ") >= 0);
    double up = -1, idle = -1;
    load("/proc/uptime");
    VALUE(sscanf(text, "%lf %lf", &up, &idle));
    clock_gettime(CLOCK_BOOTTIME, &now);
    // A machine that has just booted has been up for 0.00 s.
    FACT(up >= 0 && idle >= 0 && now.tv_sec - up < 2 && up - now.tv_sec < 2);
    double load1, load5, load15;
    int running, all, last;
    load("/proc/loadavg");
    VALUE(sscanf(text, "%lf %lf %lf %d/%d %d", &load1, &load5, &load15, &running, &all, &last));
    FACT(running >= 1 && all >= running);
    FACT(info.loads[0] / 65536.0 - load1 < 0.5 && load1 - info.loads[0] / 65536.0 < 0.5);
    FACT(load("/proc/version") > 0 && !strncmp(text, "Linux version ", 14));
    FACT(load("/proc/filesystems") > 0 && strstr(text, "proc\n"));
    FACT(load("/proc/cmdline") >= 0);
    FACT(load("/proc/vmstat") > 0 && strstr(text, "pgfault "));
    FACT(load("/proc/swaps") > 0 && !strncmp(text, "Filename", 8));
    FACT(load("/proc/cgroups") > 0 && text[0] == '#');
    FACT(load("/proc/devices") > 0 && strstr(text, "mem\n"));
    FACT(load("/proc/interrupts") > 0 && strstr(text, "CPU0"));
    FACT(load("/proc/diskstats") >= 0);
    FACT(load("/proc/partitions") >= 0);
    FACT(load("/proc/self/../version") > 0);
}
