// build: glibc musl
#include "conformance.h"

// /dev/zero maps zeros; other devices and pipes do not map.
int main(void) {
    int zero = MUST(open("/dev/zero", O_RDWR));
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    FACT(p != MAP_FAILED && p[0] == 0 && p[8191] == 0);
    p[0] = 1;
    char *s = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    FACT(s != MAP_FAILED && s[0] == 0);
    s[0] = 's';
    VALUE(madvise(s, 8192, MADV_DONTNEED));
    FACT(s[0] == 's');
    char *t = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    FACT(t[0] == 0);
    VALUE(close(zero));
    int null = MUST(open("/dev/null", O_RDWR));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0));
    int directory = MUST(open("/", O_RDONLY | O_DIRECTORY));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, directory, 0));
    int place = MUST(open("/", O_PATH));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, place, 0));
    int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));
    WORKS(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
    WORKS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, (off_t)0x7ffffffffffff000));
    FACT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 1 << 20) != MAP_FAILED);
}
