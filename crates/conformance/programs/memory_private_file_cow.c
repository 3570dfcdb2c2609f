// build: glibc musl
#include "conformance.h"

// A private mapping shows the file until it writes; then the page is its own.
int main(void) {
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    static char text[40960];
    for (int i = 0; i < 40960; i++) text[i] = (char)('a' + i / 4096);
    VALUE(write(fd, text, sizeof text));
    char *p = mmap(NULL, 40960, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    char *shared = mmap(NULL, 40960, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FACT(p != MAP_FAILED && shared != MAP_FAILED);
    FACT(p[0] == 'a' && p[9 << 12] == 'j');
    p[4096] = 'P';
    FACT(shared[4096] == 'b' && p[4097] == 'b');
    // The system call writes the private copy, too.
    int pipes[2];
    MUST(pipe(pipes));
    VALUE(write(pipes[1], "XY", 2));
    VALUE(read(pipes[0], p + 8192, 2));
    FACT(p[8192] == 'X' && shared[8192] == 'c');
    char byte = 0;
    VALUE(pread(fd, &byte, 1, 8192));
    FACT(byte == 'c');
    // Given back, the page is the file's again.
    VALUE(madvise(p, 40960, MADV_DONTNEED));
    FACT(p[4096] == 'b' && p[8192] == 'c');
    // Without the right to write, no copy: and with the right again, one at the next write.
    VALUE(mprotect(p, 40960, PROT_READ));
    shared[12288] = 'S';
    FACT(p[12288] == 'S' || p[12288] == 'd');
    VALUE(mprotect(p, 40960, PROT_READ | PROT_WRITE));
    p[16384] = 'Q';
    FACT(shared[16384] == 'e');
    VALUE(mprotect(p, 40960, PROT_NONE));
    VALUE(mprotect(p, 40960, PROT_READ | PROT_WRITE));
    FACT(p[16384] == 'Q' && p[20480] == 'f');
    p[20480] = 'R';
    FACT(shared[20480] == 'f');
    // The pages move with the mapping.
    char *q = mremap(p, 40960, 81920, MREMAP_MAYMOVE);
    FACT(q != MAP_FAILED && q[16384] == 'Q' && q[20480] == 'R' && q[24576] == 'g');
    VALUE(close(fd));
    FACT(q[36864] == 'j');
    VALUE(munmap(q, 81920));
    FACT(shared[20480] == 'f' && shared[16384] == 'e');
    // A copy of the program's own file, whose pages nobody may write.
    int self = MUST(open("/proc/self/exe", O_RDONLY));
    char *image = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, self, 0);
    image[0] = 'x';
    char magic[4];
    VALUE(pread(self, magic, 4, 0));
    FACT(memcmp(magic, "\177ELF", 4) == 0 && memcmp(image, "xELF", 4) == 0);
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self, 0));
    char *readonly = mmap(NULL, 4096, PROT_READ, MAP_SHARED, self, 0);
    FACT(readonly != MAP_FAILED && readonly[1] == 'E');
    VALUE(mprotect(readonly, 4096, PROT_READ | PROT_WRITE));
}
