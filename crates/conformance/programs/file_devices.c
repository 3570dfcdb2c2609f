// build: glibc musl
#include "conformance.h"
#include <sys/sysmacros.h>

static void show(const char *path) {
    struct stat status;
    if (stat(path, &status)) printf("%s: %s\n", path, error_name(errno));
    else printf("%s: %s %u:%u\n", path, S_ISCHR(status.st_mode) ? "device" : "other", major(status.st_rdev), minor(status.st_rdev));
}

int main(void) {
    char bytes[4096];
    show("/dev/null");
    show("/dev/zero");
    show("/dev/full");
    show("/dev/random");
    show("/dev/urandom");
    int null = MUST(open("/dev/null", O_RDWR)), zero = MUST(open("/dev/zero", O_RDWR));
    int full = MUST(open("/dev/full", O_RDWR)), random = MUST(open("/dev/urandom", O_RDWR));
    VALUE(read(null, bytes, 10));
    VALUE(write(null, bytes, 4096));
    VALUE(lseek(null, 5, SEEK_SET));
    memset(bytes, 1, sizeof bytes);
    VALUE(read(zero, bytes, 4096));
    FACT(bytes[0] == 0 && bytes[4095] == 0);
    VALUE(write(zero, bytes, 100));
    VALUE(read(full, bytes, 100));
    VALUE(write(full, bytes, 1));
    VALUE(read(random, bytes, 4096));
    int different = 0;
    for (int i = 1; i < 4096; i++) different += bytes[i] != bytes[0];
    FACT(different > 3000);
    VALUE(write(random, bytes, 8));
    VALUE(open("/dev/tty", O_RDWR));
    VALUE(open("/dev/absent", O_RDWR));
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    FACT(pages != MAP_FAILED && pages[5000] == 0);
    VALUE(access("/dev/shm", W_OK));
    FACT(access("/dev/stdin", F_OK) == 0 && access("/dev/fd/1", F_OK) == 0);
    int out = MUST(open("/dev/stdout", O_WRONLY));
    VALUE(write(out, "through /dev/stdout\n", 20));
    VALUE(read(0, bytes, 10));
    VALUE(isatty(1));
}
