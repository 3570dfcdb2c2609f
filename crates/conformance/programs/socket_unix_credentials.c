// build: glibc musl
#define _GNU_SOURCE
#include "conformance.h"
#include "sockets.h"

struct cred { pid_t pid; uid_t uid; gid_t gid; };

static ssize_t send_creds(int to, struct cred creds, size_t length) {
    char control[64] __attribute__((aligned(8))) = {0};
    struct iovec part = {"c", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(length)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(length), .cmsg_level = SOL_SOCKET, .cmsg_type = 2};
    memcpy(CMSG_DATA(header), &creds, sizeof creds);
    return sendmsg(to, &message, 0);
}

static void receive(int from, size_t room) {
    char control[64] __attribute__((aligned(8))) = {0}, bytes[32] = {0};
    struct iovec part = {bytes, 31};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room ? control : NULL, .msg_controllen = room};
    errno = 0;
    ssize_t got = recvmsg(from, &message, MSG_DONTWAIT);
    printf("recvmsg = %zd %s '%s' flags %#x control %zu\n", got, error_name(errno), bytes, (unsigned)message.msg_flags, (size_t)message.msg_controllen);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (got < 0 || !header || header->cmsg_len < CMSG_LEN(12)) return;
    struct cred creds;
    memcpy(&creds, CMSG_DATA(header), sizeof creds);
    printf("  type %d: pid %s, uid %s, gid %d\n", header->cmsg_type, creds.pid == getpid() ? "own" : creds.pid == 0 ? "0" : "other",
        creds.uid == getuid() ? "own" : creds.uid == 65534 ? "nobody" : "other", (int)creds.gid == (int)getgid() ? 0 : (int)creds.gid);
}

static void peer(int fd) {
    struct cred creds = {7, 7, 7};
    socklen_t length = sizeof creds;
    VALUE(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &length));
    printf("  %u bytes, pid %s, uid %s\n", length, creds.pid == getpid() ? "own" : creds.pid == 0 ? "0" : "other", creds.uid == getuid() ? "own" : creds.uid == (uid_t)-1 ? "-1" : "other");
}

int main(void) {
    int s[2], on = 1, value;
    socklen_t length = sizeof value;
    struct cred own = {getpid(), getuid(), getgid()};
    for (int i = 0; i < 3; i++) {
        int kind = (int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[i];
        printf("kind %d\n", kind);
        MUST(socketpair(AF_UNIX, kind, 0, s));
        peer(s[0]);
        VALUE(getsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, &length));
        printf("%d\n", value);
        VALUE(write(s[0], "early", 5));
        VALUE(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
        VALUE(getsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &value, &length));
        printf("%d\n", value);
        VALUE(write(s[0], "late", 4));
        receive(s[1], 64);
        receive(s[1], 64);
        receive(s[1], 64);
        VALUE(send_creds(s[0], own, 12));
        receive(s[1], 64);
        VALUE(send_creds(s[0], own, 12));
        receive(s[1], 0);
        VALUE(send_creds(s[0], own, 12));
        receive(s[1], 20);
        VALUE(send_creds(s[0], own, 8));
        VALUE(send_creds(s[0], (struct cred){99999999, own.uid, own.gid}, 12));
        close(s[0]), close(s[1]);
    }
    int fresh = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    peer(fresh);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "credentials"};
    VALUE(bind(fresh, (void *)&name, sizeof name));
    VALUE(listen(fresh, 3));
    peer(fresh);
    int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    VALUE(connect(client, (void *)&name, sizeof name));
    VALUE(write(client, "before accept", 13));
    int server = MUST(accept(fresh, NULL, NULL));
    VALUE(setsockopt(server, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    receive(server, 64);
    peer(client);
    peer(server);
    // Who passes credentials gets a name.
    int unnamed = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), target = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "target"}, got;
    VALUE(bind(target, (void *)&where, sizeof where));
    VALUE(setsockopt(unnamed, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    VALUE(sendto(unnamed, "x", 1, 0, (void *)&where, sizeof where));
    length = sizeof got;
    VALUE(getsockname(unnamed, (void *)&got, &length));
    printf("%u bytes, abstract %d\n", length, got.sun_path[0] == 0);
}
