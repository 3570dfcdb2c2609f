// build: glibc musl pie
#include "conformance.h"
#include <elf.h>
#include <sys/auxv.h>

extern char **environ;

// What a program finds on its stack when it starts.
int main(int count, char **arguments, char **environment) {
    VALUE(count);
    FACT(arguments[0][0] == '/' && arguments[1] == NULL);
    FACT(environ == environment);
    int variables = 0;
    while (environment[variables]) variables++;
    VALUE(variables);
    printf("%s %s %s\n", getenv("PATH"), getenv("HOME"), getenv("LANG"));
    FACT(getauxval(AT_PAGESZ) == 4096);
    FACT(getauxval(AT_CLKTCK) == 100);
    FACT(getauxval(AT_PHNUM) > 3 && getauxval(AT_PHENT) == sizeof(Elf64_Phdr));
    FACT(getauxval(AT_PHDR) != 0 && getauxval(AT_ENTRY) != 0);
    FACT(getauxval(AT_SYSINFO_EHDR) != 0);
    FACT(memcmp((char *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) == 0);
    VALUE(getauxval(AT_SECURE));
    VALUE(getauxval(AT_UID));
    FACT(strcmp((char *)getauxval(AT_EXECFN), arguments[0]) == 0);
    FACT(strcmp((char *)getauxval(AT_PLATFORM), "x86_64") == 0);
    FACT(getauxval(AT_HWCAP) != 0);
    FACT(getauxval(AT_MINSIGSTKSZ) >= 1000);
    FACT((uintptr_t)__builtin_frame_address(0) % 16 == 0);
    for (int fd = 0; fd < 4; fd++) printf("descriptor %d: %s\n", fd, fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
}
