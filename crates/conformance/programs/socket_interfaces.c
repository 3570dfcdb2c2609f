// build: glibc musl
#define _GNU_SOURCE
#include "conformance.h"
#include "sockets.h"
#include <ifaddrs.h>
#include <net/if.h>

static void request(int fd, const char *what, unsigned long number, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, name);
    errno = 0;
    int result = ioctl(fd, number, &request);
    printf("%s %s: %s", what, name, result ? error_name(errno) : "ok");
    char text[64];
    if (!result && (number == SIOCGIFADDR || number == SIOCGIFNETMASK)) printf(" %s", inet_ntop(AF_INET, &((struct sockaddr_in *)&request.ifr_addr)->sin_addr, text, sizeof text));
    if (!result && number == SIOCGIFFLAGS) printf(" %#x", (unsigned)request.ifr_flags);
    if (!result && (number == SIOCGIFMTU || number == SIOCGIFINDEX)) printf(" %d", request.ifr_mtu);
    if (!result && number == SIOCGIFHWADDR) printf(" family %d", request.ifr_hwaddr.sa_family);
    puts("");
}

int main(void) {
    struct ifaddrs *all;
    VALUE(getifaddrs(&all));
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (strcmp(one->ifa_name, "lo") || !one->ifa_addr) continue;
        char text[64] = "-", mask[64] = "-";
        if (one->ifa_addr->sa_family == AF_INET) {
            inet_ntop(AF_INET, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, text, sizeof text);
            inet_ntop(AF_INET, &((struct sockaddr_in *)one->ifa_netmask)->sin_addr, mask, sizeof mask);
        }
        if (one->ifa_addr->sa_family == AF_INET6) {
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr, text, sizeof text);
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)one->ifa_netmask)->sin6_addr, mask, sizeof mask);
        }
        printf("%s family %d flags %#x %s/%s\n", one->ifa_name, one->ifa_addr->sa_family, one->ifa_flags, text, mask);
    }
    freeifaddrs(all);
    VALUE(if_nametoindex("lo"));
    VALUE(if_nametoindex("nonesuch"));
    char name[IF_NAMESIZE] = "";
    FACT(if_indextoname(1, name) != NULL);
    puts(name);
    FACT(if_indextoname(77, name) == NULL);
    int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    const char *names[] = {"lo", "nonesuch"};
    for (int i = 0; i < 2; i++) {
        request(fd, "SIOCGIFADDR", SIOCGIFADDR, names[i]);
        request(fd, "SIOCGIFNETMASK", SIOCGIFNETMASK, names[i]);
        request(fd, "SIOCGIFFLAGS", SIOCGIFFLAGS, names[i]);
        request(fd, "SIOCGIFMTU", SIOCGIFMTU, names[i]);
        request(fd, "SIOCGIFINDEX", SIOCGIFINDEX, names[i]);
        request(fd, "SIOCGIFHWADDR", SIOCGIFHWADDR, names[i]);
    }
    struct ifconf list = {.ifc_len = 0, .ifc_buf = NULL};
    VALUE(ioctl(fd, SIOCGIFCONF, &list));
    FACT(list.ifc_len >= (int)sizeof(struct ifreq) && list.ifc_len % (int)sizeof(struct ifreq) == 0);
    struct ifreq room[1];
    list = (struct ifconf){.ifc_len = sizeof room, .ifc_req = room};
    VALUE(ioctl(fd, SIOCGIFCONF, &list));
    printf("%d bytes, %s\n", list.ifc_len, room[0].ifr_name);
    // The same in /proc.
    char line[256];
    FILE *file = fopen("/proc/net/if_inet6", "r");
    while (file && fgets(line, sizeof line, file)) if (strstr(line, " lo\n")) fputs(line, stdout);
    file = fopen("/proc/net/dev", "r");
    for (int i = 0; file && fgets(line, sizeof line, file); i++) {
        if (i < 2) fputs(line, stdout);
        if (strstr(line, " lo:")) puts("a line of lo");
    }
    file = fopen("/proc/net/route", "r");
    if (file && fgets(line, sizeof line, file)) fputs(line, stdout);
    struct sockaddr_in address;
    int listener = tcp_listener(&address, 5);
    file = fopen("/proc/net/tcp", "r");
    char wanted[64];
    snprintf(wanted, sizeof wanted, " 0100007F:%04X 00000000:0000 0A 00000000:00000000 ", ntohs(address.sin_port));
    for (int i = 0; file && fgets(line, sizeof line, file); i++) {
        if (i == 0) fputs(line, stdout);
        if (strstr(line, wanted)) printf("our listener, %zu characters\n", strlen(line));
    }
    close(listener);
    file = fopen("/proc/net/udp6", "r");
    if (file && fgets(line, sizeof line, file)) fputs(line, stdout);
}
