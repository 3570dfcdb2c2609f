// build: glibc
#include "conformance.h"
#include "sockets.h"
#include <netdb.h>

static void ask(const char *host, const char *service, int family, int flags) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags}, *all = NULL;
    int result = getaddrinfo(host, service, &hints, &all);
    printf("%s %s %d %#x: %s\n", host ? host : "-", service ? service : "-", family, (unsigned)flags, result ? gai_strerror(result) : "ok");
    for (struct addrinfo *one = all; one; one = one->ai_next) {
        char text[64], port[16];
        getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        printf("  %s port %s\n", text, port);
    }
    if (all) freeaddrinfo(all);
}

int main(void) {
    ask("127.0.0.1", "80", AF_UNSPEC, 0);
    ask("::1", "80", AF_UNSPEC, 0);
    ask("::1", "80", AF_INET, 0);
    ask("127.0.0.1", "80", AF_INET6, AI_V4MAPPED);
    ask(NULL, "8080", AF_UNSPEC, AI_PASSIVE);
    ask(NULL, "8080", AF_INET6, AI_PASSIVE);
    ask(NULL, "8080", AF_UNSPEC, 0);
    ask("127.0.0.1", "80", AF_UNSPEC, AI_NUMERICHOST);
    ask("nonsense", "80", AF_UNSPEC, AI_NUMERICHOST);
}
