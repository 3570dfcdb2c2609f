#include "conformance.h"
#include <sys/wait.h>

// What is the same with and without children.
int main(void) {
    int status;
    VALUE(syscall(SYS_wait4, -1, &status, 0, NULL));
    VALUE(syscall(SYS_waitid, 0, 0, NULL, 4, NULL));
    VALUE(syscall(SYS_wait4, 0x3ffffffe, &status, WNOHANG, NULL));
    VALUE(syscall(SYS_wait4, -1, &status, 0x100, NULL));
}
