// build: glibc musl
#define _GNU_SOURCE
#include "conformance.h"
#include "sockets.h"

// Receives one datagram and says what came with it.
static void receive(int fd) {
    char control[256] __attribute__((aligned(8))), bytes[32] = {0}, text[64];
    struct iovec part = {bytes, 31};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    until_readable(fd);
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    printf("%zd '%s' flags %#x control %zu\n", got, bytes, (unsigned)message.msg_flags, (size_t)message.msg_controllen);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); got >= 0 && h; h = CMSG_NXTHDR(&message, h)) {
        void *data = CMSG_DATA(h);
        printf("  level %d type %d length %zu: ", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
        int value = 0;
        if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, data, sizeof info);
            printf("interface %d, local %s", info.ipi_ifindex, inet_ntop(AF_INET, &info.ipi_spec_dst, text, sizeof text));
            printf(", target %s\n", inet_ntop(AF_INET, &info.ipi_addr, text, sizeof text));
        } else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, data, sizeof info);
            printf("interface %u, target %s\n", info.ipi6_ifindex, inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof text));
        } else if (h->cmsg_level == SOL_SOCKET) {
            struct timespec stamp;
            memcpy(&stamp, data, sizeof stamp);
            printf("%s\n", stamp.tv_sec > 1000000000 ? "a time" : "no time");
        } else {
            memcpy(&value, data, h->cmsg_len - CMSG_LEN(0));
            printf("%d\n", value);
        }
    }
}

static ssize_t send_with(int fd, void *to, socklen_t to_length, int level, int type, const void *data, size_t length) {
    char control[64] __attribute__((aligned(8))) = {0};
    struct iovec part = {"wish", 4};
    struct msghdr message = {.msg_name = to, .msg_namelen = to_length, .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(length)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(header), data, length);
    return sendmsg(fd, &message, 0);
}

int main(void) {
    int on = 1, off = 0, client = MUST(socket(AF_INET, SOCK_DGRAM, 0)), server = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in to = {.sin_family = AF_INET};
    VALUE(bind(server, (void *)&to, sizeof to));
    socklen_t length = sizeof to;
    MUST(getsockname(server, (void *)&to, &length));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    VALUE(setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
    VALUE(sendto(client, "info", 4, 0, (void *)&to, sizeof to));
    receive(server);
    VALUE(setsockopt(server, IPPROTO_IP, IP_RECVTTL, &on, sizeof on));
    VALUE(setsockopt(server, IPPROTO_IP, IP_RECVTOS, &on, sizeof on));
    VALUE(setsockopt(server, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on));
    VALUE(sendto(client, "all", 3, 0, (void *)&to, sizeof to));
    receive(server);
    VALUE(setsockopt(server, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
    VALUE(sendto(client, "ns", 2, 0, (void *)&to, sizeof to));
    receive(server);
    VALUE(setsockopt(server, SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off));
    VALUE(setsockopt(server, IPPROTO_IP, IP_RECVTOS, &off, sizeof off));
    int ttl = 9;
    VALUE(send_with(client, &to, sizeof to, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
    receive(server);
    ttl = 0;
    VALUE(send_with(client, &to, sizeof to, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
    ttl = 20;
    VALUE(setsockopt(client, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
    VALUE(sendto(client, "20", 2, 0, (void *)&to, sizeof to));
    receive(server);
    // From another address of this host.
    struct in_pktinfo info = {0};
    inet_pton(AF_INET, "127.0.0.9", &info.ipi_spec_dst);
    VALUE(send_with(client, &to, sizeof to, IPPROTO_IP, IP_PKTINFO, &info, sizeof info));
    char byte, text[64];
    struct sockaddr_in from;
    VALUE(recvfrom(server, &byte, 1, 0, (void *)&from, &length));
    puts(inet_ntop(AF_INET, &from.sin_addr, text, sizeof text));
    VALUE(send_with(client, &to, sizeof to, IPPROTO_IP, IP_PKTINFO, &info, 8));
    VALUE(send_with(client, &to, sizeof to, IPPROTO_IP, 99, &info, 8));
    VALUE(send_with(client, &to, sizeof to, 99, 99, &info, 8));
    receive(server);
    // IPv6.
    struct sockaddr_in6 six = {.sin6_family = AF_INET6}, mapped;
    client = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), server = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    VALUE(bind(server, (void *)&six, sizeof six));
    length = sizeof six;
    MUST(getsockname(server, (void *)&six, &length));
    six.sin6_addr = in6addr_loopback;
    VALUE(setsockopt(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on));
    VALUE(setsockopt(server, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on));
    VALUE(setsockopt(server, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on));
    VALUE(sendto(client, "six", 3, 0, (void *)&six, sizeof six));
    receive(server);
    int hops = 5;
    VALUE(send_with(client, &six, sizeof six, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops));
    receive(server);
    mapped = six;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    VALUE(sendto(client, "mapped", 6, 0, (void *)&mapped, sizeof mapped));
    receive(server);
}
