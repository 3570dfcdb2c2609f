// build: glibc pie dynamic fixed musl musl-dynamic
// What the kernel tells a program about itself (getauxval(3)), and that /proc/self/auxv says the same.
#include "conformance.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern void _start(void);

int main(int count, char **arguments) {
    char **end = environ;
    while (*end) end++;
    const ElfW(auxv_t) *first = (const void *)(end + 1), *last = first;
    while (last->a_type != AT_NULL) last++;
    char file[2048];
    int fd = MUST(open("/proc/self/auxv", O_RDONLY));
    long got = MUST(read(fd, file, sizeof file));
    FACT(got == (char *)(last + 1) - (char *)first);
    FACT(memcmp(file, first, got) == 0);

    const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
    VALUE(getauxval(AT_PHENT));
    VALUE(getauxval(AT_PHNUM));
    const char *interpreter = "none";
    unsigned long bias = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        if (headers[i].p_type == PT_PHDR) bias = (unsigned long)headers - headers[i].p_vaddr;
    }
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        if (headers[i].p_type == PT_INTERP) interpreter = (const char *)(bias + headers[i].p_vaddr);
    }
    printf("interpreter: %s\n", interpreter);
    FACT(getauxval(AT_ENTRY) == (unsigned long)_start);
    FACT(getauxval(AT_BASE) != 0);
    if (getauxval(AT_BASE)) FACT(memcmp((void *)getauxval(AT_BASE), ELFMAG, SELFMAG) == 0);
    FACT(getauxval(AT_BASE) % 4096 == 0);
    FACT(strcmp((const char *)getauxval(AT_EXECFN), arguments[0]) == 0);
    printf("platform: %s\n", (const char *)getauxval(AT_PLATFORM));
    const unsigned long *random = (const void *)getauxval(AT_RANDOM);
    FACT(random[0] != 0 && random[1] != 0 && random[0] != random[1]);
    FACT(memcmp((void *)getauxval(AT_SYSINFO_EHDR), ELFMAG, SELFMAG) == 0);
    VALUE(getauxval(AT_PAGESZ));
    VALUE(getauxval(AT_CLKTCK));
    VALUE(getauxval(AT_FLAGS));
    VALUE(getauxval(AT_SECURE));
    VALUE(getauxval(AT_UID) + getauxval(AT_EUID) + getauxval(AT_GID) + getauxval(AT_EGID));
    VALUE(getauxval(AT_HWCAP2) & 2);
    // FPU, TSC, CX8, CMOV, MMX, FXSR, SSE, SSE2: what the psABI's baseline has.
    printf("hwcap: %lx\n", getauxval(AT_HWCAP) & 0x07808111);
    return 0;
}
