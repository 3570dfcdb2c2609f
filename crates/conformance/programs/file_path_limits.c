// build: glibc musl
#include "conformance.h"

static char *repeat(const char *text, int count) {
    char *all = malloc(strlen(text) * count + 1);
    *all = 0;
    char *end = all;
    for (int i = 0; i < count; i++) end = stpcpy(end, text);
    return all;
}

// How long names and paths may be, how many links are followed, and what strange paths lead to.
int main(void) {
    char *longest = repeat("n", 255), *longer = repeat("n", 256);
    WORKS(mkdir(longest, 0700));
    WORKS(rmdir(longest));
    WORKS(mkdir(longer, 0700));
    WORKS(open(longer, O_RDONLY));
    struct stat st;
    char *slashes = repeat("/", 4094);
    VALUE(stat(slashes, &st));
    slashes = repeat("/", 4096);
    VALUE(stat(slashes, &st));
    char *dots = repeat("./", 2047);
    VALUE(stat(dots, &st));
    dots = repeat("./", 2048);
    VALUE(stat(dots, &st));
    // Deeper than a path can say, step by step.
    int depth = 0;
    while (depth < 30 && mkdir(longest, 0700) == 0 && chdir(longest) == 0) depth++;
    VALUE(depth);
    char buffer[16];
    FACT(getcwd(buffer, sizeof buffer) == NULL);
    printf("%s\n", error_name(errno));
    for (; depth; depth--) {
        MUST(chdir(".."));
        MUST(rmdir(longest));
    }
    MUST(close(MUST(creat("link0", 0600))));
    char from[16], to[16];
    for (int i = 0; i < 42; i++) {
        snprintf(from, sizeof from, "link%d", i);
        snprintf(to, sizeof to, "link%d", i + 1);
        MUST(symlink(from, to));
    }
    VALUE(stat("link40", &st));
    VALUE(stat("link41", &st));
    VALUE(lstat("link42", &st));
    MUST(symlink("loop", "loop"));
    VALUE(stat("loop", &st));
    VALUE(stat("loop/x", &st));
    WORKS(open("loop", O_CREAT | O_WRONLY, 0600));
    MUST(mkdir("d", 0700));
    MUST(symlink("d", "to-d"));
    VALUE(stat("link0/", &st));
    VALUE(stat("link0/.", &st));
    VALUE(stat("link1/", &st));
    VALUE(lstat("to-d", &st) == 0 && S_ISLNK(st.st_mode));
    VALUE(lstat("to-d/", &st) == 0 && S_ISDIR(st.st_mode));
    VALUE(stat("d/..//./d/../to-d/", &st));
    VALUE(stat("", &st));
    VALUE(stat("missing/..", &st));
    VALUE(stat("/..", &st));
    VALUE(mkdir("d/", 0700));
    VALUE(mkdir("new/", 0700));
    VALUE(rmdir("new/"));
    VALUE(mkdir("d/.", 0700));
    VALUE(rmdir("d/."));
    VALUE(rmdir("d/.."));
    VALUE(unlink("d"));
    VALUE(unlink("link0/"));
    VALUE(rename("link0", "newlink/"));
    VALUE(symlink("x", "d/"));
    VALUE(symlink("", "empty"));
    WORKS(open("d/", O_CREAT | O_WRONLY, 0600));
    WORKS(open("newfile/", O_CREAT | O_WRONLY, 0600));
    char *target = repeat("t", 4095);
    WORKS(symlink(target, "long-target"));
    char read_back[5000];
    VALUE(readlink("long-target", read_back, sizeof read_back));
    VALUE(readlink("long-target", read_back, 10));
    VALUE(readlink("long-target", read_back, 0));
    VALUE(readlink("d", read_back, 10));
    VALUE(stat((char *)8, &st));
}
