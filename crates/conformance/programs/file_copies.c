#include "conformance.h"
#include <sys/sendfile.h>

int main(void) {
    int from = MUST(open("from", O_CREAT | O_RDWR, 0600)), to = MUST(open("to", O_CREAT | O_RDWR, 0600)), p[2];
    static char block[100000], back[100000];
    for (size_t i = 0; i < sizeof block; i++) block[i] = (char)(i * 31 >> 3);
    write(from, block, sizeof block);
    off_t at = 1000;
    VALUE(sendfile(to, from, &at, 50000));
    VALUE(at);
    VALUE(pread(to, back, sizeof back, 0));
    FACT(memcmp(back, block + 1000, 50000) == 0);
    lseek(from, 99990, SEEK_SET);
    VALUE(sendfile(to, from, NULL, 1000));
    VALUE(sendfile(to, from, NULL, 1000));
    MUST(pipe2(p, O_NONBLOCK));
    at = 0;
    VALUE(sendfile(p[1], from, &at, 100));
    VALUE(read(p[0], back, 1000));
    VALUE(sendfile(to, p[0], NULL, 10));
    VALUE(sendfile(99, from, NULL, 1));
    off_t in = 0, out = 200000;
    VALUE(copy_file_range(from, &in, to, &out, 100, 0));
    VALUE(in);
    VALUE(copy_file_range(from, NULL, to, NULL, 10, 1));
    VALUE(copy_file_range(p[0], NULL, to, NULL, 10, 0));
    int reading = MUST(open("from", O_RDONLY));
    VALUE(copy_file_range(from, &in, reading, NULL, 10, 0));
}
