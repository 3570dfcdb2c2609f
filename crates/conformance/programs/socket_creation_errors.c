// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    WORKS(socket(AF_INET, SOCK_STREAM, 0));
    WORKS(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    WORKS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    WORKS(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
    WORKS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    WORKS(socket(AF_INET, SOCK_SEQPACKET, 0));
    WORKS(socket(AF_INET, 77, 0));
    WORKS(socket(999, SOCK_STREAM, 0));
    WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
    WORKS(socket(AF_UNIX, SOCK_DGRAM, 0));
    WORKS(socket(AF_INET, SOCK_STREAM | 0x100, 0));
    int pair[2];
    WORKS(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    WORKS(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    FACT(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
    FACT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    char byte = 0;
    signal(SIGPIPE, SIG_IGN);
    VALUE(send(fd, &byte, 1, 0));
    VALUE(recv(fd, &byte, 1, 0));
    VALUE(send(0, &byte, 1, 0));
    VALUE(recv(99, &byte, 1, 0));
    VALUE(lseek(fd, 0, SEEK_SET));
    struct stat status;
    fstat(fd, &status);
    FACT(S_ISSOCK(status.st_mode));
    VALUE(ftruncate(fd, 0));
    VALUE(pread(fd, &byte, 1, 0));
}
