// What the programs about inotify(7) print with.
#include <sys/inotify.h>

// Prints all events that wait: watch by its index, flags by name, child's name, and whether the cookie joins it with the one before.
static void print_events(int fd, const int *watches, int count) {
    static const struct { unsigned bit; const char *name; } names[] = {
        {IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
        {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
        {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
        {IN_UNMOUNT, "UNMOUNT"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"},
    };
    _Alignas(struct inotify_event) char buffer[8192];
    unsigned cookie = 0;
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got <= 0) {
            printf("end: %s\n", got ? error_name(errno) : "0");
            return;
        }
        for (char *at = buffer; at < buffer + got;) {
            struct inotify_event *event = (struct inotify_event *)at;
            int which = -1;
            for (int i = 0; i < count; i++)
                if (watches[i] == event->wd) which = i;
            printf("  watch %d", which);
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (event->mask & names[i].bit) printf(" %s", names[i].name);
            if (event->len) printf(" '%s' len %u", event->name, event->len);
            if (event->cookie) printf(event->cookie == cookie ? " same cookie" : " cookie");
            cookie = event->cookie;
            printf("\n");
            at += sizeof *event + event->len;
        }
    }
}
