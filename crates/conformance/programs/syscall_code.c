// build: glibc pie dynamic
// Whether the C library's code reads as it was compiled. In a guest it does not, and this is what shows that system calls are made without a trap there.
#include "conformance.h"

int main(void) {
    // A page of the program itself may be rewritten only when a call was made from it.
    getpid();
    static const unsigned char compiled[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05};
    const unsigned char *code = (const unsigned char *)getpid;
    // Some compilers begin functions with `endbr64`.
    if (code[0] == 0xf3) code += 4;
    printf("getpid reads as compiled: %d\n", !memcmp(code, compiled, sizeof compiled));
    printf("its syscall does: %d\n", !memcmp(code + 5, compiled + 5, 2));
    return 0;
}
