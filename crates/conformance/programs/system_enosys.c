#include "conformance.h"

// What no kernel knows, and what a program may try with a fall-back at hand.
int main(void) {
    VALUE(syscall(999));
    VALUE(syscall(100000));
    VALUE(syscall(-1));
    VALUE(syscall(SYS_tuxcall));
    VALUE(syscall(SYS_vserver));
    VALUE(syscall(SYS_create_module));
    VALUE(syscall(SYS_nfsservctl));
    VALUE(syscall(400));
    VALUE(syscall(SYS_getpmsg));
}
