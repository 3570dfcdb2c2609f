// build: glibc musl
#include "conformance.h"

static int p[2];
static void *drain(void *argument) {
    static char bytes[3000];
    unsigned long sum = 0, total = 0;
    ssize_t got;
    while ((got = read(p[0], bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < got; i++) sum = sum * 31 + (unsigned char)bytes[i];
        total += (unsigned long)got;
    }
    printf("received %lu, hash %lx\n", total, sum);
    return NULL;
}

static atomic_int mixed;
static void *lines(void *argument) {
    char line[100];
    memset(line, (int)(long)argument, 100);
    for (int i = 0; i < 500; i++) write(p[1], line, 100);
    return NULL;
}

int main(void) {
    MUST(pipe(p));
    pthread_t thread, writers[3];
    pthread_create(&thread, NULL, drain, NULL);
    static char block[200000];
    for (size_t i = 0; i < sizeof block; i++) block[i] = (char)(i * 7);
    VALUE(write(p[1], block, sizeof block));
    for (int i = 0; i < 1000; i++) write(p[1], block + i, 333);
    close(p[1]);
    pthread_join(thread, NULL);
    close(p[0]);
    // Writes of at most PIPE_BUF are not torn.
    MUST(pipe(p));
    for (long i = 0; i < 3; i++) pthread_create(&writers[i], NULL, lines, (void *)(i + 'a'));
    for (int i = 0; i < 1500; i++) {
        char line[100];
        size_t have = 0;
        while (have < 100) have += (size_t)read(p[0], line + have, 100 - have);
        for (int j = 1; j < 100; j++) if (line[j] != line[0]) mixed++;
    }
    for (int i = 0; i < 3; i++) pthread_join(writers[i], NULL);
    printf("mixed %d\n", mixed);
}
