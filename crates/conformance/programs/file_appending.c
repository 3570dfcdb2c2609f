#include "conformance.h"

enum { THREADS = 4, LINES = 200 };

static void *writer(void *arg) {
    int fd = open("log", O_WRONLY | O_APPEND);
    char line[16];
    for (int i = 0; i < LINES; i++) {
        int len = snprintf(line, sizeof line, "%d:%06d\n", (int)(intptr_t)arg, i);
        if (write(fd, line, len) != len) exit(3);
        if (i % 20 == 0) sched_yield();
    }
    close(fd);
    return NULL;
}

static void *reader(void *arg) {
    int fd = (int)(intptr_t)arg;
    char line[9];
    long sum = 0;
    while (read(fd, line, 9) == 9) sum += atoi(line + 2) + 1;
    return (void *)sum;
}

// O_APPEND by several threads loses nothing; threads that read through one position get each byte once.
int main(void) {
    int fd = MUST(open("log", O_CREAT | O_RDWR | O_APPEND, 0600));
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, writer, (void *)(intptr_t)i);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    struct stat st;
    fstat(fd, &st);
    VALUE(st.st_size);
    int next[THREADS] = {0}, wrong = 0, who, number;
    FILE *file = fopen("log", "r");
    while (fscanf(file, "%d:%d\n", &who, &number) == 2) wrong += next[who]++ != number;
    printf("wrong %d, counts %d %d %d %d\n", wrong, next[0], next[1], next[2], next[3]);
    int shared = MUST(open("log", O_RDONLY));
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, reader, (void *)(intptr_t)shared);
    long total = 0;
    for (int i = 0; i < THREADS; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        total += (long)sum;
    }
    VALUE(total);
    // The position after an append; pwrite appends, too.
    MUST(lseek(fd, 0, SEEK_SET));
    MUST(write(fd, "end", 3));
    VALUE(lseek(fd, 0, SEEK_CUR));
    MUST(pwrite(fd, "more", 4, 0));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(lseek(fd, 0, SEEK_END));
    fcntl(fd, F_SETFL, 0);
    MUST(pwrite(fd, "0", 1, 0));
    VALUE(lseek(fd, 0, SEEK_END));
}
