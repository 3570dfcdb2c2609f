// build: glibc musl
#include "conformance.h"
#include <sys/utsname.h>

int main(void) {
    struct utsname name;
    VALUE(uname(&name));
    printf("%s %s\n", name.sysname, name.machine);
    int major = 0, minor = 0;
    FACT(sscanf(name.release, "%d.%d", &major, &minor) == 2);
    FACT(major >= 5);
    FACT(name.nodename[0] != 0 && name.version[0] != 0);
    char host[65];
    VALUE(gethostname(host, sizeof host));
    FACT(strcmp(host, name.nodename) == 0);
    VALUE(syscall(SYS_uname, NULL));
    FACT(sizeof name.domainname > 0);
}
