#include "conformance.h"

// The kernel respects the program's protections, too.
int main(void) {
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'x', 3 * 4096);
    mprotect(p + 4096, 4096, PROT_NONE);
    int pipes[2];
    MUST(pipe(pipes));
    VALUE(write(pipes[1], p + 4096, 10));
    VALUE(write(pipes[1], NULL, 10));
    VALUE(write(pipes[1], p + 4090, 6));
    VALUE(read(pipes[0], p + 4096, 6));
    mprotect(p, 4096, PROT_READ);
    VALUE(read(pipes[0], p, 6));
    VALUE(read(pipes[0], p + 8192, 6));
    VALUE(pipe((int *)(p + 4096)));
    VALUE(pipe((int *)0x10));
    VALUE(open(p + 4096, O_RDONLY));
    VALUE(open((char *)-4096, O_RDONLY));
    VALUE(clock_getres(CLOCK_MONOTONIC, (void *)(p + 8192)));
    VALUE(syscall(SYS_getcwd, p, 100));
    VALUE(syscall(SYS_uname, p + 4096));
    VALUE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p + 4096));
    struct iovec parts[2] = {{p + 4096, 4}, {p + 8192, 4}};
    VALUE(writev(pipes[1], parts, 2));
    VALUE(writev(pipes[1], (void *)(p + 4096), 2));
    VALUE(syscall(SYS_getrandom, p + 4096, 8, 0));
    VALUE(syscall(SYS_poll, p + 4096, 1, 0));
    VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p + 4096, NULL, 8));
    VALUE(syscall(SYS_write, pipes[1], 0xffff800000000000, 8));
    VALUE(syscall(SYS_write, pipes[1], 0x100000000000, 8));
}
