#include "conformance.h"

int main(void) {
    int fd = MUST(memfd_create("scratch", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    VALUE(fcntl(fd, F_GETFD));
    VALUE(ftruncate(fd, 8192));
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FACT(p != MAP_FAILED);
    if (p == MAP_FAILED) return 1;
    strcpy(p, "in memory");
    char text[16] = {0};
    VALUE(pread(fd, text, 15, 0));
    printf("%s\n", text);
    VALUE(memfd_create("x", 0x4000));
    VALUE(fcntl(fd, F_GET_SEALS));
    munmap(p, 8192);
    VALUE(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    VALUE(ftruncate(fd, 16384));
    VALUE(ftruncate(fd, 4096));
}
