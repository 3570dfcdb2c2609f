// build: glibc musl
#include "conformance.h"

// proc(5), /proc/pid/smaps: what it says of the area at an address, of what is the same on every machine.
static void show(const char *what, const void *at) {
    static const char *const names[] = {"Size", "KernelPageSize", "MMUPageSize", "Rss", "Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty", "Private_Clean",
        "Private_Dirty", "Anonymous", "AnonHugePages", "Swap", "Locked"};
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[4096], name[64];
    int here = 0;
    printf("%s:", what);
    while (fgets(line, sizeof line, smaps)) {
        unsigned long start, end, kib;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2) here = (unsigned long)at >= start && (unsigned long)at < end;
        else if (here && sscanf(line, "%63[^:]: %lu kB", name, &kib) == 2) {
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (!strcmp(name, names[i])) printf(" %s %lu", name, kib);
        } else if (here && !strncmp(line, "VmFlags:", 8)) {
            for (char *flag = strtok(line + 8, " \n"); flag; flag = strtok(NULL, " \n"))
                if (strstr("rd wr ex sh ms lo", flag)) printf(" %s", flag);
        }
    }
    printf("\n");
    fclose(smaps);
}

// A number of the rollup, in KiB.
static unsigned long rollup(const char *name) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[4096];
    unsigned long kib = 0;
    MUST(fgets(line, sizeof line, file) ? 0 : -1);
    if (!strstr(line, "---p 00000000 00:00 0 ") || !strstr(line, "[rollup]\n")) printf("odd line: %s", line);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':') kib = strtoul(line + strlen(name) + 1, NULL, 10);
    fclose(file);
    return kib;
}

int main(void) {
    // Each between two pages without rights, so that it is joined with nothing.
    char *guarded = mmap(NULL, 34 << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at = guarded + 4096;
    show("no rights", guarded);
    VALUE(mprotect(at, 32 << 12, PROT_READ | PROT_WRITE));
    memset(at, 1, 32 << 12);
    show("written", at);
    VALUE(mlock(at, 32 << 12));
    show("locked", at);
    VALUE(munlock(at, 32 << 12));
    VALUE(mprotect(at, 32 << 12, PROT_READ));
    show("read only", at);
    VALUE(madvise(at, 32 << 12, MADV_DONTNEED));
    show("given back", at);

    int fd = MUST(open("mapped", O_CREAT | O_RDWR, 0600));
    char bytes[4 << 12];
    memset(bytes, 7, sizeof bytes);
    VALUE(write(fd, bytes, sizeof bytes));
    volatile char *shared = mmap(NULL, 4 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int page = 0; page < 4; page++) shared[page << 12] = 9;
    show("shared", (void *)shared);
    volatile char *private = mmap(NULL, 4 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    for (int page = 0; page < 4; page++) private[page << 12] = 9;
    show("copied", (void *)private);
    VALUE(unlink("mapped"));

    unsigned long before = rollup("Anonymous"), rss = rollup("Rss");
    char *more = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(madvise(more, 4 << 20, MADV_NOHUGEPAGE));
    memset(more, 1, 4 << 20);
    printf("4 MiB more: %d %d\n", rollup("Anonymous") >= before + 4096, rollup("Rss") >= rss + 4096);
    VALUE(munmap(more, 4 << 20));
    printf("and less: %d\n", rollup("Anonymous") < before + 2048);
    printf("proportional %d, dirty %d\n", rollup("Pss") >= rollup("Pss_Dirty"), rollup("Private_Dirty") <= rollup("Pss_Dirty") + 4096);
}
