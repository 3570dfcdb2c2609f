// build: glibc musl
#include "conformance.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static void show(const char *what, int id) {
    struct shmid_ds is;
    memset(&is, 0xff, sizeof is);
    MUST(shmctl(id, IPC_STAT, &is));
    printf("%s: size %zu, mode %o, attached %lu, keyed %d, times %d %d %d, last %d, creator %d\n", what, is.shm_segsz, is.shm_perm.mode, (unsigned long)is.shm_nattch,
           is.shm_perm.__key != 0, is.shm_atime != 0, is.shm_dtime != 0, is.shm_ctime != 0, is.shm_lpid == getpid(), is.shm_cpid == getpid());
}

// Shared memory of System V: programs take private segments (fio, PostgreSQL) although no second process ever attaches them.
int main(void) {
    int id = MUST(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600));
    show("new", id);
    char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
    FACT(one != (void *)-1 && two != (void *)-1 && one != two);
    strcpy(one + 9000, "shared");
    printf("%s\n", two + 9000);
    FACT(one[0] == 0 && one[12287] == 0);
    VALUE(mprotect(two, 4096, PROT_READ | PROT_WRITE));
    show("twice", id);
    VALUE(mprotect(one + 4096, 4096, PROT_READ));
    show("in parts", id);
    VALUE(shmdt(one + 4096));
    VALUE(shmdt(one));
    VALUE(shmdt(one));
    show("once", id);

    VALUE((long)shmat(id, (void *)12345, 0));
    VALUE((long)shmat(id, two, 0));
    VALUE((long)shmat(id, NULL, SHM_REMAP));
    VALUE((long)shmat(-1, NULL, 0));
    char *area = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FACT(shmat(id, area + 5, SHM_RND | SHM_REMAP) == area);
    printf("%s\n", area + 9000);
    VALUE(munmap(area, 4096));
    show("a part is gone", id);
    VALUE(shmdt(area));
    show("the rest is gone", id);

    VALUE(shmctl(id, IPC_RMID, NULL));
    show("removed", id);
    printf("%s\n", two + 9000);
    char *three = shmat(id, NULL, 0);
    FACT(three != (void *)-1);
    VALUE(shmdt(three));
    VALUE(shmdt(two));
    VALUE(shmctl(id, IPC_STAT, &(struct shmid_ds){0}));
    VALUE((long)shmat(id, NULL, 0));

    key_t key = 0x75696700 + getpid() % 255;
    VALUE(shmget(key, 4096, 0600));
    VALUE(shmget(key, 0, IPC_CREAT | 0600));
    int named = MUST(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0640));
    VALUE(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0640));
    FACT(shmget(key, 100, 0) == named);
    VALUE(shmget(key, 4097, 0));
    struct shmid_ds is;
    MUST(shmctl(named, IPC_STAT, &is));
    is.shm_perm.mode = 0604;
    VALUE(shmctl(named, IPC_SET, &is));
    show("set", named);
    VALUE(shmctl(named, SHM_LOCK, NULL));
    VALUE(shmctl(named, SHM_UNLOCK, NULL));
    VALUE(shmctl(named, 99, NULL));
    VALUE(shmctl(named, IPC_RMID, NULL));
    VALUE(shmget(key, 4096, 0));
    VALUE(shmget(IPC_PRIVATE, 0, 0600));
    VALUE(shmdt(NULL));
}
