// build: glibc musl
#include "conformance.h"

int main(void) {
    char target[64] = {0};
    VALUE(symlink("loop-b", "loop-a"));
    VALUE(symlink("loop-a", "loop-b"));
    VALUE(open("loop-a", O_RDONLY));
    struct stat status;
    VALUE(stat("loop-a", &status));
    VALUE(lstat("loop-a", &status));
    FACT(S_ISLNK(status.st_mode));
    VALUE(status.st_size);
    VALUE(readlink("loop-a", target, 64));
    printf("%s\n", target);
    VALUE(readlink("loop-a", target, 3));
    VALUE(readlink("loop-a", target, 0));
    VALUE(readlink(".", target, 64));
    mkdir("d", 0755);
    close(MUST(open("d/file", O_CREAT | O_WRONLY, 0600)));
    VALUE(symlink("d", "to-d"));
    WORKS(open("to-d/file", O_RDONLY));
    VALUE(symlink("../d/./../d/file", "d/round"));
    WORKS(open("to-d/round", O_RDONLY));
    VALUE(unlink("to-d/"));
    VALUE(rmdir("to-d"));
    VALUE(unlink("to-d"));
    VALUE(symlink("x", "d"));
    VALUE(symlink("", "empty"));
    // Chains: forty are followed, more are not.
    char from[16], to[16];
    close(MUST(open("chain-0", O_CREAT | O_WRONLY, 0600)));
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "chain-%d", i);
        snprintf(to, sizeof to, "chain-%d", i - 1);
        symlink(to, from);
    }
    WORKS(open("chain-40", O_RDONLY));
    WORKS(open("chain-41", O_RDONLY));
    VALUE(link("chain-0", "hard"));
    VALUE(stat("hard", &status));
    VALUE(status.st_nlink);
    VALUE(link("chain-0", "hard"));
    VALUE(link("d", "hard-d"));
    VALUE(link("absent", "hard-2"));
    VALUE(linkat(AT_FDCWD, "chain-1", AT_FDCWD, "hard-link", 0));
    VALUE(readlink("hard-link", target, 64));
}
