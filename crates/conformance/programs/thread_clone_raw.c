#include "conformance.h"
#include "futex.h"
#include <sys/wait.h>

// clone(2) flags that are no threads, and the words that CLONE_*_SETTID and CLEARTID write.
static atomic_int parent_word, child_word = -1, ran;
static int run(void *argument) {
    ran = child_word == gettid() && parent_word == gettid();
    return 0;
}

int main(void) {
    const int thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    char *stack = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int tid = clone(run, stack + (1 << 16), thread | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL,
                    &parent_word, NULL, &child_word);
    FACT(tid > 0);
    for (int seen; (seen = child_word);) syscall(SYS_futex, &child_word, FUTEX_WAIT, seen, NULL, NULL, 0);
    FACT(parent_word == tid && child_word == 0 && ran);
    WORKS(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, NULL, NULL, NULL, 0));
    WORKS(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, 0));
    WORKS(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, 0));
    FACT(syscall(SYS_set_tid_address, &child_word) == gettid());
}
