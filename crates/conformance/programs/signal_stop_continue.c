// A signal that stops and the one that continues take each other back while they wait; what is blocked stays.
#include "conformance.h"

static void show(const char *when) {
    sigset_t set;
    sigpending(&set);
    printf("%s:", when);
    static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGUSR1};
    static const char *names[] = {"TSTP", "TTIN", "TTOU", "CONT", "USR1"};
    for (int i = 0; i < 5; i++) if (sigismember(&set, signals[i])) printf(" %s", names[i]);
    puts("");
}

static void caught(int signal) { printf("caught %s\n", signal == SIGCONT ? "CONT" : "TSTP"); }

int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    raise(SIGUSR1);
    raise(SIGTSTP);
    kill(getpid(), SIGTTIN);
    show("stop signals");
    kill(getpid(), SIGCONT);
    show("continued");
    raise(SIGTTOU);
    show("stopped again");
    syscall(SYS_tgkill, getpid(), gettid(), SIGCONT);
    show("continued by thread");
    signal(SIGCONT, caught);
    signal(SIGTSTP, caught);
    raise(SIGTSTP);
    show("with handlers");
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&none, SIGUSR1);
    sigprocmask(SIG_SETMASK, &none, NULL);
    show("unblocked");
    raise(SIGCONT);
    raise(SIGTSTP);
    signal(SIGCONT, SIG_IGN);
    sigaddset(&none, SIGTSTP);
    sigprocmask(SIG_SETMASK, &none, NULL);
    raise(SIGTSTP);
    raise(SIGCONT);
    show("ignored, and still it takes back");
    return 0;
}
