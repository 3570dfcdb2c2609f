// build: glibc musl
#include "conformance.h"

// Names under which shared memory lives: shm_open(3) is a file in /dev/shm, and a mapping keeps an unlinked file.
int main(void) {
    int fd = MUST(open("/dev/shm/conformance-mem", O_CREAT | O_RDWR | O_EXCL, 0600));
    VALUE(ftruncate(fd, 8192));
    int again = MUST(open("/dev/shm/conformance-mem", O_RDONLY));
    int *w = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const int *r = mmap(NULL, 8192, PROT_READ, MAP_SHARED, again, 0);
    VALUE(unlink("/dev/shm/conformance-mem"));
    VALUE(close(fd));
    VALUE(close(again));
    w[0] = 42;
    w[2000] = 43;
    VALUE(r[0]);
    VALUE(r[2000]);
    VALUE(mprotect((void *)r, 4096, PROT_READ | PROT_WRITE));
    // Futexes and locks in it work as anywhere.
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    RETURNS(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    pthread_mutex_t *mutex = (pthread_mutex_t *)(w + 100);
    RETURNS(pthread_mutex_init(mutex, &attributes));
    RETURNS(pthread_mutex_lock(mutex));
    RETURNS(pthread_mutex_trylock(mutex));
    RETURNS(pthread_mutex_unlock(mutex));
    VALUE(msync(w, 8192, MS_ASYNC));
}
