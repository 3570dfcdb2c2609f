#include "conformance.h"
#include <sys/prctl.h>
#include <sys/resource.h>

static char *fields[64];
static int count;

static void load(const char *path) {
    static char text[4096];
    int fd = MUST(open(path, O_RDONLY));
    ssize_t got = read(fd, text, sizeof text - 1);
    text[got] = 0;
    close(fd);
    char *close_paren = strrchr(text, ')');
    *close_paren = 0;
    fields[1] = text;
    fields[2] = strchr(text, '(') + 1;
    count = 2;
    for (char *word = strtok(close_paren + 1, " \n"); word; word = strtok(NULL, " \n")) fields[++count] = word;
}

// proc_pid_stat(5) by the numbers of its fields; statm; the machine's stat.
int main(void) {
    prctl(PR_SET_NAME, "x) (y");
    load("/proc/self/stat");
    VALUE(count);
    printf("comm '%s' state %s\n", fields[2], fields[3]);
    FACT(atoi(fields[1]) == getpid());
    FACT(atoi(fields[4]) == getppid());
    FACT(atoi(fields[5]) == getpgrp());
    FACT(atoi(fields[6]) == getsid(0));
    printf("threads %s itrealvalue %s priority %s nice %s\n", fields[20], fields[21], fields[18], fields[19]);
    FACT(strtoull(fields[23], NULL, 10) > 0);
    FACT(strtoull(fields[24], NULL, 10) > 0);
    FACT(atol(fields[22]) >= 0);
    // What is touched is counted.
    long faults = atol(fields[10]);
    size_t size = 4 << 20;
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(area, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += 4096) area[at] = 1;
    load("/proc/self/stat");
    FACT(atol(fields[10]) > faults);
    FACT(atol(fields[24]) * 4096 >= (long)size);
    long pages[7] = {0};
    FILE *statm = fopen("/proc/self/statm", "r");
    int got = fscanf(statm, "%ld %ld %ld %ld %ld %ld %ld", &pages[0], &pages[1], &pages[2], &pages[3], &pages[4], &pages[5], &pages[6]);
    VALUE(got);
    FACT(pages[0] >= pages[1] && pages[1] * 4096 >= (long)size);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    FACT(usage.ru_minflt > 0 && usage.ru_maxrss * 1024 >= (long)size);
    long highest = usage.ru_maxrss;
    munmap(area, size);
    getrusage(RUSAGE_SELF, &usage);
    FACT(usage.ru_maxrss >= highest);
    getrusage(RUSAGE_THREAD, &usage);
    FACT(usage.ru_minflt > 0);
    long switches = usage.ru_nvcsw;
    pause_ms(1);
    pause_ms(1);
    getrusage(RUSAGE_THREAD, &usage);
    FACT(usage.ru_nvcsw >= switches + 2);
    VALUE(getrusage(RUSAGE_CHILDREN, &usage));
    VALUE(getrusage(5, &usage));
    VALUE(getrusage(RUSAGE_SELF, (void *)8));
    // CPU time is in both.
    clock_t start = clock();
    while (clock() - start < CLOCKS_PER_SEC / 20) {
    }
    load("/proc/self/stat");
    FACT(atol(fields[14]) + atol(fields[15]) >= 4);
    load("/proc/thread-self/stat");
    FACT(atoi(fields[1]) == gettid());
}
