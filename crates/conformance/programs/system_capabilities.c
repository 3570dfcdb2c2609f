#include "conformance.h"
#include <linux/capability.h>
#include <sys/fsuid.h>

static int get(int pid, uint64_t sets[3]) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
    struct __user_cap_data_struct data[2] = {0};
    int result = syscall(SYS_capget, &header, data);
    for (int i = 0; i < 1; i++) {
        sets[0] = data[0].effective | (uint64_t)data[1].effective << 32;
        sets[1] = data[0].permitted | (uint64_t)data[1].permitted << 32;
        sets[2] = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    }
    return result;
}

static void show(const char *what) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    printf("%s: %u %u %u, %u %u %u, fs %d %d\n", what, r, e, s, gr, ge, gs, setfsuid(-1), setfsgid(-1));
}

// Users, groups and capabilities of a process that gives up what it is.
int main(void) {
    uint64_t sets[3];
    VALUE(get(0, sets));
    FACT(sets[0] == sets[1] && sets[0] && sets[2] == 0);
    VALUE(get(getpid(), sets));
    VALUE(get(-1, sets));
    VALUE(get(0x3fffffff, sets));
    struct __user_cap_header_struct header = {0x1234, 0};
    VALUE(syscall(SYS_capget, &header, NULL));
    FACT(header.version == _LINUX_CAPABILITY_VERSION_3);
    header.version = 0x1234;
    struct __user_cap_data_struct data[2] = {0};
    VALUE(syscall(SYS_capget, &header, data));
    VALUE(syscall(SYS_capget, NULL, data));
    show("at first");
    VALUE(setregid(5, 6));
    VALUE(setresgid(-1, 7, -1));
    show("groups");
    VALUE(setfsgid(9));
    show("file group");
    VALUE(seteuid(1000));
    show("effective");
    VALUE(setuid(2000));
    VALUE(setgid(1234));
    VALUE(setreuid(2000, -1));
    VALUE(setgroups(0, NULL));
    VALUE(get(0, sets));
    printf("effective %d permitted %d\n", sets[0] != 0, sets[1] != 0);
    VALUE(seteuid(0));
    VALUE(get(0, sets));
    printf("effective %d permitted %d\n", sets[0] != 0, sets[1] != 0);
    gid_t groups[] = {3, 1, 2}, back[8];
    VALUE(setgroups(3, groups));
    VALUE(getgroups(0, NULL));
    VALUE(getgroups(2, back));
    VALUE(getgroups(8, back));
    printf("%u %u %u\n", back[0], back[1], back[2]);
    VALUE(setgroups(65537, groups));
    VALUE(setresuid(10, 20, 30));
    show("all apart");
    VALUE(setresuid(20, 30, 10));
    show("turned round");
    VALUE(setresuid(40, -1, -1));
    VALUE(setuid(0));
    VALUE(setuid(-1));
    VALUE(setfsuid(77));
    show("unchanged");
    VALUE(get(0, sets));
    printf("effective %d permitted %d\n", sets[0] != 0, sets[1] != 0);
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    data[0].effective = 1;
    VALUE(syscall(SYS_capset, &header, data));
}
