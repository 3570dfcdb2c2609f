// POSIX message queues: order, limits, flags, waiting.
#include "conformance.h"
#include <mqueue.h>
#include <sys/epoll.h>

static mqd_t queue;

static void attributes(mqd_t of) {
    struct mq_attr a;
    memset(&a, 0xaa, sizeof a);
    VALUE(mq_getattr(of, &a));
    printf("flags %s, %ld of %ld messages of %ld\n", a.mq_flags & O_NONBLOCK ? "nonblock" : "0", a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize);
}

static void receive(mqd_t from) {
    char text[64];
    unsigned priority = 77;
    errno = 0;
    ssize_t len = mq_receive(from, text, sizeof text, &priority);
    if (len < 0) printf("receive: %s\n", error_name(errno));
    else printf("received %.*s with %u\n", (int)len, text, priority);
}

static void *sender(void *tid) {
    until_asleep(*(pid_t *)tid);
    mq_send(queue, "late", 4, 9);
    return NULL;
}

static void *receiver(void *tid) {
    until_asleep(*(pid_t *)tid);
    char text[64];
    mq_receive(queue, text, sizeof text, NULL);
    return NULL;
}

int main(void) {
    struct mq_attr limits = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mq_unlink("/conformance");
    VALUE(mq_open("/conformance", O_RDWR));
    VALUE(mq_open("conformance", O_RDWR));
    VALUE(mq_open("/", O_RDWR));
    VALUE(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
    VALUE(mq_open("/..", O_RDWR | O_CREAT, 0600, NULL));
    char longest[300];
    memset(longest, 'n', sizeof longest);
    longest[0] = '/';
    longest[257] = 0;
    VALUE(mq_open(longest, O_RDWR | O_CREAT, 0600, NULL));
    struct mq_attr odd[] = {{.mq_maxmsg = 0, .mq_msgsize = 1}, {.mq_maxmsg = 1, .mq_msgsize = 0}, {.mq_maxmsg = -1, .mq_msgsize = 5}, {.mq_maxmsg = 70000, .mq_msgsize = 1}, {.mq_maxmsg = 1, .mq_msgsize = 17 << 20}};
    for (int i = 0; i < 5; i++) VALUE(mq_open("/conformance", O_RDWR | O_CREAT, 0600, &odd[i]));

    WORKS(queue = mq_open("/conformance", O_RDWR | O_CREAT | O_EXCL, 0600, &limits));
    VALUE(mq_open("/conformance", O_RDWR | O_CREAT | O_EXCL, 0600, &limits));
    attributes(queue);
    mqd_t reader, writer;
    WORKS(reader = mq_open("/conformance", O_RDONLY | O_NONBLOCK));
    WORKS(writer = mq_open("/conformance", O_WRONLY | O_CREAT, 0600, NULL));
    attributes(reader);

    VALUE(mq_send(reader, "x", 1, 0));
    VALUE(mq_send(writer, "one", 3, 1));
    VALUE(mq_send(writer, "five", 4, 5));
    VALUE(mq_send(writer, "one again", 9, 1));
    VALUE(mq_send(writer, "", 0, 32767));
    VALUE(mq_send(writer, "x", 1, 32768));
    VALUE(mq_send(writer, longest, 65, 0));
    struct timespec past = {1, 0}, odd_time = {0, -1};
    VALUE(mq_timedsend(writer, "full", 4, 0, &past));
    VALUE(mq_timedsend(writer, "full", 4, 0, &odd_time));
    attributes(writer);
    struct pollfd both = {queue, POLLIN | POLLOUT};
    VALUE(poll(&both, 1, 0));
    printf("%x\n", both.revents);
    char small[8];
    VALUE(mq_receive(reader, small, sizeof small, NULL));
    VALUE(mq_receive(writer, longest, sizeof longest, NULL));
    for (int i = 0; i < 5; i++) receive(reader);
    VALUE(poll(&both, 1, 0));
    printf("%x\n", both.revents);
    VALUE(mq_timedreceive(queue, longest, sizeof longest, NULL, &past));
    VALUE(mq_receive(99, longest, sizeof longest, NULL));
    VALUE(mq_receive(1, longest, sizeof longest, NULL));

    struct mq_attr set = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 9}, wrong = {.mq_flags = O_APPEND}, old;
    VALUE(mq_setattr(queue, &wrong, NULL));
    VALUE(mq_setattr(queue, &set, &old));
    FACT(old.mq_flags == 0 && old.mq_maxmsg == 4);
    attributes(queue);
    receive(queue);
    FACT(fcntl(queue, F_GETFL) & O_NONBLOCK);
    FACT(fcntl(queue, F_GETFD) & FD_CLOEXEC);
    set.mq_flags = 0;
    VALUE(mq_setattr(queue, &set, NULL));

    pid_t tid = gettid();
    pthread_t thread;
    pthread_create(&thread, NULL, sender, &tid);
    receive(queue);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++) mq_send(queue, "fill", 4, i);
    pthread_create(&thread, NULL, receiver, &tid);
    VALUE(mq_send(queue, "waited", 6, 0));
    pthread_join(thread, NULL);
    attributes(queue);

    int watch = epoll_create1(0);
    struct epoll_event event = {EPOLLIN};
    VALUE(epoll_ctl(watch, EPOLL_CTL_ADD, queue, &event));
    VALUE(epoll_wait(watch, &event, 1, 0));
    VALUE(mq_unlink("/conformance"));
    VALUE(mq_unlink("/conformance"));
    VALUE(mq_open("/conformance", O_RDWR));
    receive(reader);
    VALUE(mq_close(reader));
    VALUE(mq_close(reader));
    VALUE(mq_close(writer));
    VALUE(mq_close(queue));
    return 0;
}
