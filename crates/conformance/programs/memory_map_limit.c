// There is a most of areas, and a change that would make one more is refused, while all that makes fewer works.
#include "conformance.h"

enum { PAGE = 4096, MOST = 65530 };

int main(void) {
    size_t len = (size_t)(MOST + 1000) * 2 * PAGE;
    char *base = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FACT(base != MAP_FAILED);
    // Every second page gets other rights: two areas more each time.
    long made = 0;
    while (made < MOST && mprotect(base + made * 2 * PAGE, PAGE, PROT_READ) == 0) made++;
    printf("then: %s\n", error_name(errno));
    FACT(made > MOST / 2 - 200 && made <= MOST / 2);
    // One more area by cutting one or by making one; with room for none, and then with room for some.
    char *hole = base + made * 2 * PAGE + 64 * PAGE;
    errno = 0;
    long more = 0;
    while (more < 10 && mmap(NULL, PAGE, PROT_READ | PROT_WRITE, (more & 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) more++;
    FACT(more < 10 && errno == ENOMEM);
    WORKS(munmap(hole, PAGE));
    WORKS(munmap(base, 20 * PAGE));
    WORKS(munmap(hole, PAGE));
    WORKS(munmap(base, len));
    FACT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    return 0;
}
