// build: glibc musl
#include "conformance.h"

// Not all hosts have keys, so only what is the same on all of them is asked. JIT compilers ask for a key at their start.
int main(void) {
    VALUE(syscall(SYS_pkey_alloc, 1, 0));
    VALUE(syscall(SYS_pkey_alloc, 0, 8));
    long key = syscall(SYS_pkey_alloc, 0, 0);
    // Linux without keys answers the first time EINVAL, then ENOSPC as the page says.
    FACT(key > 0 || (key == -1 && (errno == ENOSPC || errno == EINVAL)));
    VALUE(syscall(SYS_pkey_free, 100));
    VALUE(syscall(SYS_pkey_free, -1));
    char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(syscall(SYS_pkey_mprotect, p, 8192, PROT_READ | PROT_WRITE, 100));
    VALUE(syscall(SYS_pkey_mprotect, p + 1, 4096, PROT_READ, -1));
    VALUE(syscall(SYS_pkey_mprotect, p, 8192, PROT_READ | PROT_WRITE, -1));
    p[8191] = 1;
    FACT(p[8191] == 1);
}
