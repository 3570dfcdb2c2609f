#include "conformance.h"
#include <sys/sendfile.h>
#include <sys/socket.h>

static int pair[2];
static long received;

static void *drain(void *unused) {
    static char buffer[30000];
    ssize_t got;
    unsigned char expected = 0;
    while ((got = read(pair[1], buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < got; i++, received++)
            if ((unsigned char)buffer[i] != (unsigned char)(received % 251)) {
                printf("wrong byte at %ld\n", received);
                return NULL;
            }
    return NULL;
}

// A file to a socket that takes its time, in one call and from an offset; to files and pipes.
int main(void) {
    enum { SIZE = 1000000 };
    int file = MUST(open("file", O_CREAT | O_RDWR, 0600));
    char *data = malloc(SIZE);
    for (int i = 0; i < SIZE; i++) data[i] = i % 251;
    MUST(write(file, data, SIZE));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pthread_t thread;
    pthread_create(&thread, NULL, drain, NULL);
    off_t at = 0;
    while (at < SIZE) MUST(sendfile(pair[0], file, &at, SIZE));
    VALUE(at);
    VALUE(sendfile(pair[0], file, &at, 100));
    MUST(shutdown(pair[0], SHUT_WR));
    pthread_join(thread, NULL);
    VALUE(received);
    VALUE(lseek(file, 0, SEEK_CUR));
    int to = MUST(open("to", O_CREAT | O_RDWR, 0600));
    MUST(lseek(file, 999990, SEEK_SET));
    VALUE(sendfile(to, file, NULL, 100));
    VALUE(lseek(to, 0, SEEK_CUR));
    VALUE(sendfile(to, file, NULL, 100));
    at = 5;
    VALUE(sendfile(to, file, &at, 10));
    VALUE(at);
    VALUE(sendfile(to, file, &at, 0));
    at = -1;
    VALUE(sendfile(to, file, &at, 10));
    VALUE(sendfile(to, pair[1], NULL, 10));
    VALUE(sendfile(MUST(open("to", O_RDONLY)), file, NULL, 10));
    VALUE(sendfile(to, MUST(open("file", O_WRONLY)), NULL, 10));
    VALUE(sendfile(MUST(open("to", O_WRONLY | O_APPEND)), file, NULL, 10));
    VALUE(sendfile(to, 99, NULL, 10));
    VALUE(sendfile(99, file, NULL, 10));
    VALUE(sendfile(to, file, (off_t *)8, 10));
    VALUE(sendfile(to, MUST(open(".", O_RDONLY)), NULL, 10));
    // A full pipe that does not wait.
    int p[2];
    MUST(pipe2(p, O_NONBLOCK));
    at = 0;
    VALUE(sendfile(p[1], file, &at, 200000));
    VALUE(sendfile(p[1], file, &at, 200000));
    MUST(lseek(file, 0, SEEK_SET));
    VALUE(sendfile(file, file, NULL, 0));
}
