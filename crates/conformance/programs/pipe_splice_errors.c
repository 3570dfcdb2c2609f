#include "conformance.h"

int main(void) {
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600)), other = MUST(open("other", O_CREAT | O_RDWR, 0600)),
        append = MUST(open("append", O_CREAT | O_WRONLY | O_APPEND, 0600)), reading = MUST(open("file", O_RDONLY)),
        writing = MUST(open("file", O_WRONLY));
    MUST(write(file, "0123456789", 10));
    MUST(lseek(file, 0, SEEK_SET));
    int p[2];
    MUST(pipe(p));
    MUST(write(p[1], "data", 4));
    loff_t at = 0, negative = -1;
    VALUE(splice(file, NULL, other, NULL, 4, 0));
    VALUE(splice(file, NULL, p[1], NULL, 4, 0x100));
    VALUE(splice(file, NULL, p[1], &at, 4, 0));
    VALUE(splice(p[0], &at, other, NULL, 4, 0));
    VALUE(splice(file, &negative, p[1], NULL, 4, 0));
    VALUE(splice(p[0], NULL, append, NULL, 4, 0));
    VALUE(splice(p[0], NULL, p[1], NULL, 4, 0));
    VALUE(splice(p[0], NULL, reading, NULL, 4, 0));
    VALUE(splice(writing, NULL, p[1], NULL, 4, 0));
    VALUE(splice(p[1], NULL, other, NULL, 4, 0));
    VALUE(splice(file, NULL, p[0], NULL, 4, 0));
    VALUE(splice(99, NULL, p[1], NULL, 4, 0));
    VALUE(splice(p[0], NULL, 99, NULL, 4, 0));
    VALUE(splice(file, (loff_t *)8, p[1], NULL, 4, 0));
    VALUE(splice(MUST(open(".", O_RDONLY)), NULL, p[1], NULL, 4, 0));
    VALUE(tee(p[0], p[1], 4, 0));
    VALUE(tee(file, p[1], 4, 0));
    VALUE(tee(p[0], file, 4, 0));
    VALUE(tee(p[0], p[1], 4, 0x100));
    VALUE(tee(p[0], p[1], 0, 0));
    struct iovec part = {"x", 1};
    VALUE(vmsplice(file, &part, 1, 0));
    VALUE(vmsplice(p[1], &part, 1025, 0));
    VALUE(vmsplice(p[1], &part, 1, 0x100));
    VALUE(vmsplice(p[1], NULL, 0, 0));
    VALUE(vmsplice(99, &part, 1, 0));
    char rest[16];
    VALUE(read(p[0], rest, sizeof rest));
}
