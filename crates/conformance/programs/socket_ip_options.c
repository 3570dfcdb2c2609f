// build: glibc musl
#define _GNU_SOURCE
#include "conformance.h"
#include "sockets.h"

#define OPTION(name) {name, #name}
struct option { int number; const char *name; };

static void get(int fd, int level, struct option option) {
    int value = -7;
    socklen_t length = sizeof value;
    errno = 0;
    int result = getsockopt(fd, level, option.number, &value, &length);
    printf("  %s = %d, %d %s\n", option.name, value, result, error_name(errno));
}

static void set(int fd, int level, struct option option, int value) {
    errno = 0;
    int result = setsockopt(fd, level, option.number, &value, sizeof value);
    printf("  %s := %d: %d %s\n", option.name, value, result, error_name(errno));
    get(fd, level, option);
}

int main(void) {
    struct option four[] = {OPTION(IP_TTL), OPTION(IP_TOS), OPTION(IP_MTU_DISCOVER), OPTION(IP_PKTINFO), OPTION(IP_RECVTTL), OPTION(IP_RECVTOS),
        OPTION(IP_MULTICAST_TTL), OPTION(IP_MULTICAST_LOOP), OPTION(IP_FREEBIND), OPTION(IP_RECVERR), OPTION(IP_BIND_ADDRESS_NO_PORT), OPTION(IP_MTU)};
    struct option six[] = {OPTION(IPV6_UNICAST_HOPS), OPTION(IPV6_TCLASS), OPTION(IPV6_MTU_DISCOVER), OPTION(IPV6_RECVPKTINFO), OPTION(IPV6_RECVHOPLIMIT),
        OPTION(IPV6_RECVTCLASS), OPTION(IPV6_MULTICAST_HOPS), OPTION(IPV6_MULTICAST_LOOP), OPTION(IPV6_V6ONLY), OPTION(IPV6_RECVERR), OPTION(IPV6_MTU)};
    for (int i = 0; i < 4; i++) {
        int family = i < 2 ? AF_INET : AF_INET6, kind = i % 2 ? SOCK_DGRAM : SOCK_STREAM;
        int fd = MUST(socket(family, kind, 0));
        printf("family %d kind %d\n", family, kind);
        for (size_t k = 0; k < sizeof four / sizeof *four; k++) get(fd, IPPROTO_IP, four[k]);
        for (size_t k = 0; k < sizeof six / sizeof *six; k++) get(fd, IPPROTO_IPV6, six[k]);
        set(fd, IPPROTO_IP, four[0], 17);
        set(fd, IPPROTO_IP, four[0], 0);
        set(fd, IPPROTO_IP, four[0], 256);
        set(fd, IPPROTO_IP, four[0], -1);
        set(fd, IPPROTO_IP, four[1], 0x10);
        set(fd, IPPROTO_IP, four[2], 2);
        set(fd, IPPROTO_IP, four[2], 9);
        set(fd, IPPROTO_IP, four[3], 1);
        set(fd, IPPROTO_IP, four[4], 1);
        if (family == AF_INET) continue;
        set(fd, IPPROTO_IPV6, six[0], 9);
        set(fd, IPPROTO_IPV6, six[0], -1);
        set(fd, IPPROTO_IPV6, six[0], 256);
        set(fd, IPPROTO_IPV6, six[1], 0x20);
        set(fd, IPPROTO_IPV6, six[1], 256);
        set(fd, IPPROTO_IPV6, six[3], 1);
        set(fd, IPPROTO_IPV6, six[8], 1);
    }
    char byte = 33;
    int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    VALUE(setsockopt(fd, IPPROTO_IP, IP_TTL, &byte, 1));
    get(fd, IPPROTO_IP, four[0]);
    VALUE(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    VALUE(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nonesuch0", 10));
    VALUE(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 1));
}
