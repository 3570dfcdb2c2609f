// build: glibc musl
#include "conformance.h"
#include <dirent.h>
#include <sys/inotify.h>

static void print_bytes(const char *name) {
    for (; *name; name++) printf(*name > 32 && *name < 127 ? "%c" : "\\%02x", (unsigned char)*name);
    printf("\n");
}

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

// A name is bytes, whatever encoding they are in, or none.
int main(void) {
    const char *names[] = {"latin \xe4\xf6\xfc", "\xff", "\xff\xfe", "cut \xe2\x82", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbe\x80", "\xf4\x8f\xbf", "\xed\xa0\x80",
                           "gr\xc3\xbc\xc3\x9f", "\x01\x7f\n"};
    enum { COUNT = sizeof names / sizeof names[0] };
    MUST(mkdir("d", 0700));
    MUST(chdir("d"));
    int watch = MUST(inotify_init1(IN_NONBLOCK));
    MUST(inotify_add_watch(watch, ".", IN_CREATE));
    for (int i = 0; i < COUNT; i++) {
        int fd = MUST(open(names[i], O_CREAT | O_EXCL | O_WRONLY, 0600));
        MUST(write(fd, names[i], i + 1));
        MUST(close(fd));
    }
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t got = MUST(read(watch, buffer, sizeof buffer));
    for (char *at = buffer; at < buffer + got;) {
        struct inotify_event *event = (struct inotify_event *)at;
        print_bytes(event->name);
        at += sizeof *event + event->len;
    }
    char *listed[COUNT + 2];
    int count = 0, found = 0;
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && count < COUNT) listed[count++] = strdup(entry->d_name);
    qsort(listed, count, sizeof listed[0], compare);
    for (int i = 0; i < count; i++) print_bytes(listed[i]);
    struct stat st;
    for (int i = 0; i < COUNT; i++) found += stat(names[i], &st) == 0 && st.st_size == i + 1;
    VALUE(found);
    VALUE(stat("\xfe", &st));
    VALUE(stat("latin \xe4\xf6", &st));
    MUST(symlink(names[0], "\xfc link"));
    MUST(lstat("\xfc link", &st));
    VALUE(st.st_size);
    char target[64] = "";
    VALUE(readlink("\xfc link", target, sizeof target));
    print_bytes(target);
    FACT(stat("\xfc link", &st) == 0 && st.st_size == 1);
    MUST(rename("\xff", "\xfd"));
    VALUE(stat("\xff", &st));
    MUST(mkdir("\x80", 0700));
    MUST(chdir("\x80"));
    char cwd[4096];
    FACT(getcwd(cwd, sizeof cwd) != NULL);
    print_bytes(strrchr(cwd, '/'));
    char longest[257];
    memset(longest, 0xe9, sizeof longest);
    longest[255] = 0;
    WORKS(open(longest, O_CREAT | O_WRONLY, 0600));
    longest[255] = 'x', longest[256] = 0;
    WORKS(open(longest, O_CREAT | O_WRONLY, 0600));
}
