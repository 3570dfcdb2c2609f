#include "conformance.h"

static int show(const char *path, int print) {
    char text[256] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, error_name(errno));
        return -1;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    int line = got > 0 && text[got - 1] == '\n';
    text[strcspn(text, "\n")] = 0;
    if (print) printf("%s: %s\n", path, text);
    else printf("%s: %s\n", path, line && text[0] ? "a line" : "nothing");
    return 0;
}

// Settings that runtimes look up: those that every kernel has alike by value, the others by being there.
int main(void) {
    const char *alike[] = {"/proc/sys/kernel/ostype", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/overflowuid", "/proc/sys/kernel/overflowgid",
                           "/proc/sys/fs/pipe-max-size", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"};
    const char *there[] = {"/proc/sys/kernel/osrelease", "/proc/sys/kernel/version", "/proc/sys/kernel/hostname", "/proc/sys/kernel/pid_max",
                           "/proc/sys/kernel/threads-max", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/random/uuid",
                           "/proc/sys/kernel/random/entropy_avail", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/sem", "/proc/sys/kernel/shmmax",
                           "/proc/sys/kernel/shmall", "/proc/sys/kernel/msgmax", "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/cap_last_cap",
                           "/proc/sys/kernel/perf_event_paranoid", "/proc/sys/kernel/numa_balancing",
                           "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/overcommit_ratio", "/proc/sys/vm/max_map_count", "/proc/sys/vm/swappiness",
                           "/proc/sys/vm/mmap_min_addr", "/proc/sys/vm/nr_hugepages", "/proc/sys/vm/min_free_kbytes", "/proc/sys/fs/file-max",
                           "/proc/sys/fs/file-nr", "/proc/sys/fs/nr_open", "/proc/sys/fs/aio-max-nr", "/proc/sys/fs/epoll/max_user_watches",
                           "/proc/sys/fs/inotify/max_user_watches", "/proc/sys/fs/inotify/max_user_instances", "/proc/sys/fs/inotify/max_queued_events",
                           "/proc/sys/net/core/somaxconn", "/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max",
                           "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/tcp_rmem", "/proc/sys/net/ipv4/tcp_wmem",
                           "/proc/sys/net/ipv4/tcp_keepalive_time", "/proc/sys/net/ipv4/tcp_max_syn_backlog", "/proc/sys/net/ipv4/tcp_fin_timeout",
                           "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present",
                           "/sys/devices/system/cpu/kernel_max", "/sys/devices/system/cpu/cpu0/topology/core_id",
                           "/sys/devices/system/cpu/cpu0/topology/physical_package_id", "/sys/devices/system/node/online",
                           "/sys/devices/system/node/possible", "/sys/devices/system/node/node0/cpulist", "/sys/devices/system/node/node0/meminfo",
                           "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/defrag",
                           "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "/sys/kernel/mm/transparent_hugepage/use_zero_page"};
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) show(alike[i], 1);
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) show(there[i], 0);
    char first[64] = "", second[64] = "";
    int fd = MUST(open("/proc/sys/kernel/random/boot_id", O_RDONLY));
    VALUE(read(fd, first, 63));
    MUST(lseek(fd, 0, SEEK_SET));
    MUST(read(fd, second, 63));
    FACT(!strcmp(first, second));
    fd = MUST(open("/proc/sys/kernel/random/uuid", O_RDONLY));
    MUST(read(fd, first, 63));
    MUST(lseek(fd, 0, SEEK_SET));
    MUST(read(fd, second, 63));
    FACT(strcmp(first, second) && first[14] == '4');
    show("/proc/sys/kernel/nothing", 1);
    show("/sys/devices/system/cpu/cpu9999/online", 1);
    VALUE(open("/proc/sys/kernel/ostype", O_WRONLY));
    VALUE(mkdir("/sys/x", 0700));
}
