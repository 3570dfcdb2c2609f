// build: glibc musl
#include "conformance.h"

static int call(int (*function)(int), int value) { return function(value); }

static int on_thread_stack_of(int base) {
    // Its address leads to code that the compiler puts on the stack.
    int add(int value) { return base + value; }
    return call(add, 5);
}

static void *thread(void *unused) {
    (void)unused;
    printf("in a thread: %d\n", on_thread_stack_of(200));
    return NULL;
}

// A program whose header asks for an executable stack (PT_GNU_STACK) has one, and one more way to it is PROT_GROWSDOWN, which the dynamic linker takes.
int main(void) {
    printf("nested: %d\n", on_thread_stack_of(100));
    pthread_t other;
    MUST(pthread_create(&other, NULL, thread, NULL));
    pthread_join(other, NULL);

    char here;
    char *page = (char *)((uintptr_t)&here & ~4095ul);
    VALUE(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN));
    VALUE(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_GROWSDOWN | PROT_GROWSUP));
    void *area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(mprotect(area, 4096, PROT_READ | PROT_GROWSDOWN));
    printf("still: %d\n", on_thread_stack_of(300));
}
