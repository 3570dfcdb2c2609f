// build: glibc musl
#include "conformance.h"

int main(void) {
    char *start = (char *)syscall(SYS_brk, 0);
    FACT(start != NULL);
    FACT((char *)syscall(SYS_brk, start + 3 * 4096) == start + 3 * 4096);
    FACT(start[0] == 0 && start[3 * 4096 - 1] == 0);
    memset(start, 'b', 3 * 4096);
    FACT((char *)syscall(SYS_brk, start + 100) == start + 100);
    FACT((char *)syscall(SYS_brk, start + 3 * 4096) == start + 3 * 4096);
    FACT(start[0] == 'b' && start[2 * 4096] == 0);
    FACT((char *)syscall(SYS_brk, 1) == start + 3 * 4096);
    FACT((char *)syscall(SYS_brk, (char *)0x7fffffffffff) == start + 3 * 4096);
    FACT((char *)syscall(SYS_brk, start + (32 << 20)) == start + (32 << 20));
    start[(32 << 20) - 1] = 1;
    FACT((char *)syscall(SYS_brk, start) == start);
}
