// build: glibc
#include "conformance.h"
#include "sockets.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

// Sends a request and says what answers it, of loopback alone: other interfaces differ from host to host.
static void ask(int fd, int type, int flags, int family, int index) {
    struct { struct nlmsghdr header; struct ifinfomsg link; } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = (unsigned short)type, .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags), .nlmsg_seq = 77},
        .link = {.ifi_family = (unsigned char)family, .ifi_index = index},
    };
    struct sockaddr_nl own, from, kernel = {.nl_family = AF_NETLINK};
    socklen_t length = sizeof own;
    printf("type %d flags %#x family %d\n", type, (unsigned)flags, family);
    VALUE(sendto(fd, &request, sizeof request, 0, (void *)&kernel, sizeof kernel));
    MUST(getsockname(fd, (void *)&own, &length));
    static char buffer[32768] __attribute__((aligned(8)));
    for (int done = 0; !done;) {
        length = sizeof from;
        ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from, &length);
        if (got < 0) { printf("recvfrom: %s\n", error_name(errno)); return; }
        if (from.nl_pid != 0 || length != sizeof from) puts("not from the kernel");
        for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, (size_t)got); h = NLMSG_NEXT(h, got)) {
            if (h->nlmsg_seq != 77 || h->nlmsg_pid != own.nl_pid) puts("not for us");
            done = !(h->nlmsg_flags & NLM_F_MULTI);
            if (h->nlmsg_type == NLMSG_DONE) { puts("  done"); done = 1; }
            if (h->nlmsg_type == NLMSG_ERROR) printf("  error %s\n", error_name(-((struct nlmsgerr *)NLMSG_DATA(h))->error));
            if (h->nlmsg_type == RTM_NEWLINK) {
                struct ifinfomsg *link = NLMSG_DATA(h);
                if (link->ifi_index != 1) continue;
                printf("  link %d kind %d flags %#x\n", link->ifi_index, link->ifi_type, link->ifi_flags);
                size_t rest = IFLA_PAYLOAD(h);
                for (struct rtattr *a = IFLA_RTA(link); RTA_OK(a, rest); a = RTA_NEXT(a, rest)) {
                    if (a->rta_type == IFLA_IFNAME) printf("    name %s\n", (char *)RTA_DATA(a));
                    if (a->rta_type == IFLA_MTU) printf("    mtu %u\n", *(unsigned *)RTA_DATA(a));
                    if (a->rta_type == IFLA_ADDRESS) printf("    address of %zu bytes\n", (size_t)RTA_PAYLOAD(a));
                    if (a->rta_type == IFLA_STATS) printf("    statistics: %s\n", RTA_PAYLOAD(a) >= 92 ? "yes" : "short");
                }
            }
            if (h->nlmsg_type == RTM_NEWADDR) {
                struct ifaddrmsg *address = NLMSG_DATA(h);
                char text[64];
                if (address->ifa_index != 1) continue;
                printf("  address family %d prefix %d scope %d flags %#x\n", address->ifa_family, address->ifa_prefixlen, address->ifa_scope, address->ifa_flags);
                size_t rest = IFA_PAYLOAD(h);
                for (struct rtattr *a = IFA_RTA(address); RTA_OK(a, rest); a = RTA_NEXT(a, rest)) {
                    if (a->rta_type == IFA_ADDRESS || a->rta_type == IFA_LOCAL) printf("    %d %s\n", a->rta_type, inet_ntop(address->ifa_family, RTA_DATA(a), text, sizeof text));
                    if (a->rta_type == IFA_LABEL) printf("    label %s\n", (char *)RTA_DATA(a));
                }
            }
        }
    }
}

int main(void) {
    VALUE(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    VALUE(socket(AF_NETLINK, SOCK_RAW, 31));
    int fd = MUST(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    socklen_t length = sizeof own;
    VALUE(getsockname(fd, (void *)&own, &length));
    printf("%d bytes, port %u\n", length, own.nl_pid);
    VALUE(bind(fd, (void *)&own, sizeof own));
    VALUE(getsockname(fd, (void *)&own, &length));
    FACT(own.nl_pid == (unsigned)getpid());
    int other = MUST(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
    own.nl_pid = 0;
    VALUE(bind(other, (void *)&own, sizeof own));
    VALUE(getsockname(other, (void *)&own, &length));
    FACT(own.nl_pid != (unsigned)getpid() && own.nl_pid != 0);
    ask(fd, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0);
    ask(fd, RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 0);
    ask(fd, RTM_GETADDR, NLM_F_DUMP, AF_INET, 0);
    ask(other, RTM_GETADDR, NLM_F_DUMP, AF_INET6, 0);
    ask(fd, RTM_GETLINK, 0, AF_UNSPEC, 1);
    ask(fd, RTM_GETLINK, 0, AF_UNSPEC, 999);
    ask(fd, RTM_GETROUTE, NLM_F_DUMP, AF_INET, 0);
    char byte;
    VALUE(recv(fd, &byte, 1, MSG_DONTWAIT));
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    VALUE(poll(&p, 1, 0));
    printf("%#x\n", (unsigned)p.revents);
}
