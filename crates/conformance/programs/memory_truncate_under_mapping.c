// build: glibc musl
#include "conformance.h"

// Pages past the end of a file are not there, also when they were; what is past the end of the last page is zero.
static sigjmp_buf back;
static void on_bus(int signo, siginfo_t *info, void *context) {
    (void)context;
    siglongjmp(back, info->si_code == BUS_ADRERR ? signo : -1);
}

static int touch(volatile char *at, int write) {
    int signo = sigsetjmp(back, 1);
    if (signo == 0) {
        if (write) *at = 'w';
        else (void)*at;
    }
    return signo == 0 ? 0 : signo == SIGBUS ? 1 : 2;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    VALUE(ftruncate(fd, 5 * 4096));
    char *s = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    memset(s, 's', 5 * 4096);
    memset(p + 4096, 'p', 3 * 4096);
    VALUE(touch(s + 5 * 4096, 0));
    VALUE(touch(s + 5 * 4096, 1));
    VALUE(touch(p + 5 * 4096, 1));
    // Shorter: mapped pages go, private copies too.
    VALUE(ftruncate(fd, 4096 + 100));
    VALUE(touch(s + 4096, 0));
    FACT(s[4096 + 99] == 's' && s[4096 + 100] == 0);
    FACT(p[4096] == 'p' && p[4096 + 100] == 'p');
    for (int page = 2; page < 5; page++) printf("page %d: %d %d %d\n", page, touch(s + page * 4096, 0), touch(p + page * 4096, 0), touch(p + page * 4096, 1));
    // A system call sees it as an address that is not there.
    VALUE(write(fd, s + 3 * 4096, 1));
    int pipes[2];
    MUST(pipe(pipes));
    VALUE(write(pipes[1], s + 3 * 4096, 1));
    // Longer again: zeros.
    VALUE(ftruncate(fd, 4 * 4096));
    FACT(s[3 * 4096] == 0 && p[3 * 4096] == 0 && s[4096 + 100] == 0);
    s[3 * 4096] = 'n';
    FACT(p[3 * 4096] == 'n');
    // Holes.
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    FACT(s[0] == 0 && s[4096] == 's');
    // What is written past the end within the last page is not in the file.
    VALUE(ftruncate(fd, 100));
    s[50] = 'i';
    s[200] = 'o';
    char text[400];
    VALUE(pread(fd, text, sizeof text, 0));
    FACT(text[50] == 'i');
    VALUE(unlink("file"));
    VALUE(close(fd));
    FACT(s[50] == 'i');
    VALUE(munmap(s, 8 * 4096));
}
