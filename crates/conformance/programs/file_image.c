#include "conformance.h"

// What came with the image can be read, changed and removed; here it is the program's own file.
int main(void) {
    char self[4096] = {0};
    MUST(readlink("/proc/self/exe", self, sizeof self - 1));
    int fd = MUST(open(self, O_RDONLY));
    char head[4] = {0};
    VALUE(read(fd, head, 4));
    FACT(memcmp(head, "\177ELF", 4) == 0);
    struct stat status;
    VALUE(fstat(fd, &status));
    FACT(S_ISREG(status.st_mode) && status.st_size > 10000);
    unsigned char *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    FACT(map != MAP_FAILED);
    static unsigned char block[5000];
    size_t bad = 0;
    ssize_t got;
    off_t at = 0;
    while ((got = pread(fd, block, sizeof block, at)) > 0) {
        bad += memcmp(block, map + at, (size_t)got) != 0;
        at += got;
    }
    FACT(at == status.st_size && bad == 0);
    VALUE(open(self, O_RDWR));
    FACT(access("/etc/passwd", R_OK) == 0);
    VALUE(mkdir("/tmp/conformance-image-test", 0700));
    VALUE(rmdir("/tmp/conformance-image-test"));
}
