#include "conformance.h"

// O_TMPFILE, and files whose last name is gone.
int main(void) {
    int fd = MUST(open(".", O_TMPFILE | O_RDWR, 0640));
    struct stat st;
    fstat(fd, &st);
    printf("links %ld mode %o size %ld\n", (long)st.st_nlink, st.st_mode, (long)st.st_size);
    VALUE(write(fd, "content", 7));
    char path[64], buffer[16] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    VALUE(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    fstat(fd, &st);
    VALUE(st.st_nlink);
    int again = MUST(open("named", O_RDONLY));
    VALUE(read(again, buffer, sizeof buffer));
    printf("'%s'\n", buffer);
    VALUE(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH));
    VALUE(unlink("named"));
    VALUE(unlink("named2"));
    fstat(fd, &st);
    VALUE(st.st_nlink);
    VALUE(pread(fd, buffer, 7, 0));
    // One that had a name cannot get one again.
    VALUE(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    int other = MUST(open(path, O_RDWR));
    VALUE(write(other, "CON", 3));
    VALUE(pread(fd, buffer, 7, 0));
    printf("'%.7s'\n", buffer);
    int exclusive = MUST(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    snprintf(path, sizeof path, "/proc/self/fd/%d", exclusive);
    VALUE(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    VALUE(open(".", O_TMPFILE | O_RDONLY, 0600));
    VALUE(open("missing", O_TMPFILE | O_RDWR, 0600));
    VALUE(open("/proc/self/exe", O_TMPFILE | O_RDWR, 0600));
    // A working directory that was removed.
    MUST(mkdir("gone", 0700));
    MUST(chdir("gone"));
    MUST(rmdir("../gone"));
    VALUE(open("x", O_CREAT | O_WRONLY, 0600));
    VALUE(stat(".", &st));
    FACT(getcwd(buffer, sizeof buffer) == NULL && errno == ENOENT);
    VALUE(mkdir("x", 0700));
}
