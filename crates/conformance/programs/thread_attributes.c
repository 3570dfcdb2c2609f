#include "conformance.h"

static void *deep(void *argument) {
    volatile char room[900 << 10];
    for (size_t i = 0; i < sizeof room; i += 4096) room[i] = 1;
    pthread_attr_t attributes;
    size_t size;
    void *base;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &base, &size);
    printf("stack of %zu bytes, we are in it: %s\n", size,
           (char *)&size > (char *)base && (char *)&size < (char *)base + size ? "yes" : "no");
    char name[32];
    RETURNS(pthread_setname_np(pthread_self(), "worker"));
    RETURNS(pthread_getname_np(pthread_self(), name, sizeof name));
    printf("name %s\n", name);
    RETURNS(pthread_setname_np(pthread_self(), "a name that is too long"));
    return NULL;
}

int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    RETURNS(pthread_attr_setstacksize(&attributes, 1 << 20));
    RETURNS(pthread_attr_setstacksize(&attributes, 100));
    pthread_t thread;
    MUST(-pthread_create(&thread, &attributes, deep, NULL));
    pthread_join(thread, NULL);
    static char own[1 << 20] __attribute__((aligned(4096)));
    RETURNS(pthread_attr_setstack(&attributes, own, sizeof own));
    pthread_create(&thread, &attributes, deep, NULL);
    pthread_join(thread, NULL);
    // The main thread's stack, which glibc reads from /proc/self/maps.
    size_t size;
    void *base;
    RETURNS(pthread_getattr_np(pthread_self(), &attributes));
    pthread_attr_getstack(&attributes, &base, &size);
    FACT((char *)&size > (char *)base && (char *)&size < (char *)base + size);
}
