// build: glibc musl pie
#include "conformance.h"
#include <ftw.h>

static int seen;
static int count(const char *path, const struct stat *status, int kind, struct FTW *where) {
    seen++;
    return 0;
}

int main(void) {
    FILE *file = fopen("file", "w+");
    for (int i = 0; i < 10000; i++) fprintf(file, "line %d\n", i);
    rewind(file);
    char line[64];
    int lines = 0;
    while (fgets(line, sizeof line, file)) lines++;
    printf("%d lines, last %s", lines, line);
    fseek(file, -10, SEEK_END);
    fgets(line, sizeof line, file);
    printf("%ld %s", ftell(file), line);
    VALUE(fclose(file));
    file = fopen("file", "a");
    fputs("appended\n", file);
    fclose(file);
    struct stat status;
    stat("file", &status);
    VALUE(status.st_size);
    FACT(fopen("absent", "r") == NULL && errno == ENOENT);
    file = tmpfile();
    FACT(file != NULL);
    if (file) {
        fputs("temporary", file);
        rewind(file);
        FACT(fread(line, 1, 9, file) == 9);
        fclose(file);
    }
    char name[] = "made-XXXXXX";
    int fd = mkstemp(name);
    FACT(fd >= 0 && strcmp(name, "made-XXXXXX") != 0);
    unlink(name);
    char folder[] = "folder-XXXXXX";
    FACT(mkdtemp(folder) != NULL);
    rmdir(folder);
    mkdir("t", 0755);
    mkdir("t/a", 0755);
    mkdir("t/a/b", 0755);
    close(open("t/a/file", O_CREAT | O_WRONLY, 0600));
    VALUE(nftw("t", count, 10, FTW_PHYS));
    VALUE(seen);
    VALUE(remove("file"));
    char *real = realpath("t/a/../a/b", NULL);
    FACT(real != NULL && strcmp(real + strlen(real) - 6, "/t/a/b") == 0);
}
