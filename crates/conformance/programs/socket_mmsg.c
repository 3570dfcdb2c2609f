// build: glibc musl
#include "conformance.h"
#include "sockets.h"

int main(void) {
    struct sockaddr_in a, b;
    int one = udp_socket(&a), two = udp_socket(&b);
    char texts[4][8] = {"one", "two", "three", "four"};
    struct iovec parts[4];
    struct mmsghdr messages[4] = {0};
    for (int i = 0; i < 4; i++) {
        parts[i] = (struct iovec){texts[i], strlen(texts[i])};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &b, .msg_namelen = sizeof b, .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    VALUE(sendmmsg(one, messages, 4, 0));
    for (int i = 0; i < 4; i++) printf("%u ", messages[i].msg_len);
    printf("\n");
    until_readable(two);
    char in[6][8] = {{0}};
    struct iovec rooms[6];
    struct mmsghdr got[6] = {0};
    for (int i = 0; i < 6; i++) {
        rooms[i] = (struct iovec){in[i], 7};
        got[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1};
    }
    VALUE(recvmmsg(two, got, 6, MSG_DONTWAIT, NULL));
    for (int i = 0; i < 4; i++) printf("%u %s\n", got[i].msg_len, in[i]);
    VALUE(recvmmsg(two, got, 6, MSG_DONTWAIT, NULL));
    sendmmsg(one, messages, 2, 0);
    VALUE(recvmmsg(two, got, 6, MSG_WAITFORONE, NULL));
    struct timespec limit = {0, 10000000};
    sendmmsg(one, messages, 1, 0);
    VALUE(recvmmsg(two, got, 1, 0, &limit));
    VALUE(sendmmsg(one, messages, 0, 0));
    VALUE(sendmmsg(0, messages, 1, 0));
}
