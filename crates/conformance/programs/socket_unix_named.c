// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"}, got = {0};
    int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(connect(client, (void *)&name, sizeof name));
    VALUE(bind(listener, (void *)&name, sizeof name));
    VALUE(connect(client, (void *)&name, sizeof name));
    VALUE(listen(listener, 5));
    struct stat status;
    VALUE(stat("socket", &status));
    FACT(S_ISSOCK(status.st_mode));
    VALUE(connect(client, (void *)&name, sizeof name));
    int peer = MUST(accept(listener, NULL, NULL));
    VALUE(write(client, "through a name", 14));
    char bytes[64] = {0};
    VALUE(read(peer, bytes, 64));
    socklen_t length = sizeof got;
    VALUE(getpeername(client, (void *)&got, &length));
    printf("%s, %u bytes\n", got.sun_path, length);
    int other = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(bind(other, (void *)&name, sizeof name));
    VALUE(unlink("socket"));
    VALUE(bind(other, (void *)&name, sizeof name));
    VALUE(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&name, sizeof name));
    VALUE(open("socket", O_RDWR));
    struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0conformance"};
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 12;
    int hidden = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(bind(hidden, (void *)&abstract, size));
    VALUE(listen(hidden, 1));
    VALUE(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void *)&abstract, size));
    WORKS(accept(hidden, NULL, NULL));
}
