// build: dynamic fixed musl-dynamic
// The dynamic linker at work: libraries listed, opened, searched and closed; thread-local storage; constructors; indirect functions.
#include "conformance.h"
#include <dlfcn.h>
#include <link.h>
#include <math.h>

static __thread int per_thread = 41;
static __thread char large[100000];
static int constructed;

__attribute__((constructor(101))) static void early(void) { constructed = constructed * 10 + 1; }
__attribute__((constructor(102))) static void late(void) { constructed = constructed * 10 + 2; }
__attribute__((destructor)) static void last(void) { puts("destructor"); }
static void at_exit(void) { puts("atexit"); }

static int list(struct dl_phdr_info *info, size_t size, void *data) {
    const char *name = strrchr(info->dlpi_name, '/');
    if (info->dlpi_phnum) printf("object: %s\n", strstr(info->dlpi_name, "vdso") ? "vdso" : name ? name + 1 : info->dlpi_name);
    return 0;
}

static void *thread(void *argument) {
    per_thread++;
    large[sizeof large - 1] = 1;
    return (void *)(long)per_thread;
}

#ifdef __GLIBC__
static int answer(void) { return 42; }
static int (*resolve(void))(void) { return answer; }
static int indirect(void) __attribute__((ifunc("resolve")));
#else
static int indirect(void) { return 42; }
#endif

int main(int count, char **arguments) {
    atexit(at_exit);
    VALUE(constructed);
    VALUE(indirect());
    volatile double angle = count - 1;
    FACT(cos(angle) == 1);
    dl_iterate_phdr(list, NULL);

    void *self = dlopen(NULL, RTLD_NOW);
    FACT(self != NULL && dlsym(self, "printf") == (void *)printf);
    Dl_info info;
    FACT(dladdr((void *)printf, &info) != 0 && strstr(info.dli_fname, "libc") || strstr(info.dli_fname, "ld-musl"));
#ifdef __GLIBC__
    void *math = dlopen("libm.so.6", RTLD_LAZY | RTLD_NOLOAD);
    double (*cosine)(double) = math ? (double (*)(double))dlsym(math, "cos") : NULL;
    FACT(cosine && cosine(0) == 1);
    if (math) VALUE(dlclose(math));
#endif
    FACT(dlopen("libnowhere.so.9", RTLD_NOW) == NULL);
    puts(dlerror());
    FACT(dlsym(self, "no_such_symbol") == NULL && dlerror() != NULL);

    pthread_t other;
    void *result;
    MUST(pthread_create(&other, NULL, thread, NULL));
    MUST(pthread_join(other, &result));
    VALUE((long)result);
    VALUE(per_thread);
    VALUE(large[sizeof large - 1]);
    return 0;
}
