// build: glibc musl
#include "conformance.h"
#include "futex.h"

static int word[4];
static long futex(void *at, int op, int value, const void *timeout, void *second, int third) {
    return syscall(SYS_futex, at, op, value, timeout, second, third);
}

int main(void) {
    VALUE(futex((char *)word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
    VALUE(futex((char *)word + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
    VALUE(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
    VALUE(futex((void *)4096, FUTEX_WAIT, 0, NULL, NULL, 0));
    VALUE(futex((void *)0xffff800000000000, FUTEX_WAKE, 1, NULL, NULL, 0));
    VALUE(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
    VALUE(futex(word, FUTEX_WAKE_BITSET, 0, NULL, NULL, 0));
    VALUE(futex(word, 99, 0, NULL, NULL, 0));
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, none = {0, 0};
    VALUE(futex(word, FUTEX_WAIT, 0, &bad, NULL, 0));
    VALUE(futex(word, FUTEX_WAIT, 0, &negative, NULL, 0));
    VALUE(futex(word, FUTEX_WAIT, 0, &none, NULL, 0));
    VALUE(futex(word, FUTEX_WAIT, 1, &none, NULL, 0));
    VALUE(futex(word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
    VALUE(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)1, word + 1, 5));
    VALUE(futex(word, FUTEX_REQUEUE, -1, (void *)1, word + 1, 0));
    VALUE(futex(word, FUTEX_REQUEUE, 1, (void *)1, (char *)word + 5, 0));
    VALUE(futex(word, FUTEX_FD, 0, NULL, NULL, 0));
}
