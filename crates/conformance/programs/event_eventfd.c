// build: glibc musl
#include "conformance.h"
#include <sys/eventfd.h>

static int fd;
static void *add(void *argument) {
    uint64_t value = 5;
    write(fd, &value, 8);
    return NULL;
}

int main(void) {
    uint64_t value;
    fd = MUST(eventfd(2, EFD_NONBLOCK | EFD_CLOEXEC));
    VALUE(read(fd, &value, 8));
    VALUE(value);
    VALUE(read(fd, &value, 8));
    VALUE(read(fd, &value, 7));
    VALUE(write(fd, &value, 7));
    value = UINT64_MAX;
    VALUE(write(fd, &value, 8));
    value = UINT64_MAX - 1;
    VALUE(write(fd, &value, 8));
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    VALUE(poll(&p, 1, 0));
    printf("%#x\n", p.revents);
    value = 1;
    VALUE(write(fd, &value, 8));
    VALUE(read(fd, &value, 16));
    FACT(value == UINT64_MAX - 1);
    char room[16] = {0};
    value = 3;
    write(fd, &value, 8);
    VALUE(read(fd, room, 16));
    int semaphore = MUST(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
    for (int i = 0; i < 4; i++) {
        value = 0;
        VALUE(read(semaphore, &value, 8));
        VALUE(value);
    }
    VALUE(eventfd(0, 4));
    close(fd);
    fd = MUST(eventfd(0, 0));
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    VALUE(read(fd, &value, 8));
    VALUE(value);
    pthread_join(thread, NULL);
    VALUE(lseek(fd, 0, SEEK_CUR));
}
