// build: glibc musl
#include "conformance.h"

int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    char text[10000];
    for (int i = 0; i < 10000; i++) text[i] = (char)('a' + i % 26);
    VALUE(write(fd, text, 10000));
    char *p = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    FACT(memcmp(p, text, 10000) == 0);
    // Beyond the end of the file, the rest of the page is zeros.
    FACT(p[10000] == 0 && p[12287] == 0);
    p[5000] = 'X';
    char byte;
    pread(fd, &byte, 1, 5000);
    FACT(byte == text[5000]);
    char *q = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    FACT(memcmp(q, text + 4096, 904) == 0 && q[904] == text[5000]);
    close(fd);
    FACT(p[9999] == text[9999]);
    int self = MUST(open("/proc/self/exe", O_RDONLY));
    char *image = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self, 0);
    FACT(memcmp(image, "\177ELF", 4) == 0);
}
