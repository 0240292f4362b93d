/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "enforce/clock.h"
#include "enforce/init.h"
#include "enforce/netns.h"
#include "enforce/scope.h"

#define ENVIRONMENT_OWN 8 /* PATH HOME USER LOGNAME HOSTNAME TERM LANG and the null */

/* ---- what is settled before anything is forked ---- */

struct environment {
    char own[ENVIRONMENT_OWN][320];
    char **list; /* null-terminated; points into `own` and the caller's */
};

static void environment_free(struct environment *environment)
{
    free(environment->list);
}

static bool same_name(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");
    return length == strcspn(b, "=") && strncmp(a, b, length) == 0;
}

/* A later value takes the place of an earlier one of the same name. */
static void environment_put(char **list, size_t *count, char *entry)
{
    for (size_t i = 0; i < *count; i++)
        if (same_name(list[i], entry)) {
            list[i] = entry;
            return;
        }
    list[(*count)++] = entry;
}

static bool environment_make(const struct sandbox *sandbox, const struct identity *identity,
                             struct environment *environment, struct failure *f)
{
    const char *terminal = getenv("TERM"), *language = getenv("LANG");
    const struct {
        const char *name, *value;
    } defaults[] = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                    {"HOME", identity->home},
                    {"USER", identity->name},
                    {"LOGNAME", identity->name},
                    {"HOSTNAME", sandbox->workload},
                    {"TERM", terminal ? terminal : "dumb"},
                    {"LANG", language ? language : "C.UTF-8"}};
    size_t given = 0;
    while (sandbox->env && sandbox->env[given])
        given++;
    environment->list = calloc(given + ENVIRONMENT_OWN, sizeof *environment->list);
    if (!environment->list)
        return fail(f, "cannot make the environment of %s: out of memory", sandbox->workload);

    size_t count = 0;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        (void)snprintf(environment->own[i], sizeof environment->own[i], "%s=%s", defaults[i].name, defaults[i].value);
        environment_put(environment->list, &count, environment->own[i]);
    }
    for (size_t i = 0; i < given; i++)
        environment_put(environment->list, &count, sandbox->env[i]);
    return true;
}

/* Numbers 0 to 2 belong to standard files even when the caller has closed its own. */
static bool above_standard(int *fd, struct failure *f)
{
    if (*fd >= 3)
        return true;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    if (higher < 0)
        return fail_errno(f, errno, "cannot duplicate a descriptor");
    (void)close(*fd);
    *fd = higher;
    return true;
}

static bool sockets_make(int *ret_own, int *ret_init, struct failure *f)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return fail_errno(f, errno, "cannot make a socket to the sandbox");
    *ret_own = ends[0];
    *ret_init = ends[1];
    return above_standard(ret_own, f) && above_standard(ret_init, f);
}

static bool sandbox_is_sound(const struct sandbox *sandbox, struct failure *f)
{
    if (!sandbox->workload || !*sandbox->workload || strlen(sandbox->workload) > 64)
        return fail(f, "a workload's name has 1 to 64 characters: it becomes the host name");
    if (!sandbox->argv || !sandbox->argv[0])
        return fail(f, "no command was given for workload %s", sandbox->workload);
    return true;
}

static bool log_open(const char *path, int *ret_log, struct failure *f)
{
    if (!path)
        return true;
    *ret_log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
    if (*ret_log < 0)
        return fail_errno(f, errno, "cannot open the log %s", path);
    return above_standard(ret_log, f);
}

/* ---- forking PID 1 ---- */

/* The next child of this thread is PID 1 of a new namespace; the thread itself stays where it is. */
static pid_t init_fork(const struct launch *launch, struct failure *f)
{
    SCOPED_FD home = open("/proc/thread-self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(home, CLONE_NEWPID) < 0 || unshare(CLONE_NEWPID) < 0) { /* setns: whether the way back is open */
        (void)fail_needing(f, errno, "CAP_SYS_ADMIN, with /proc and no seccomp filter against it,", "cannot make a PID namespace and come back from it");
        return -1;
    }
    pid_t init = fork();
    if (init == 0)
        init_run(launch);
    int error = errno;
    /* Else the caller's next child would be born into the sandbox. */
    if (setns(home, CLONE_NEWPID) < 0)
        abort();
    if (init < 0)
        (void)fail_fork(f, error, "the sandbox's init");
    return init;
}

/* False when the other end is closed or broken. */
static bool report_read(int socket, struct report *ret_report)
{
    ssize_t length;
    do
        length = recv(socket, ret_report, sizeof *ret_report, 0);
    while (length < 0 && errno == EINTR);
    return length == sizeof *ret_report;
}

/* ---- a start that does not come to an end ---- */

static int64_t deadline_of(const struct sandbox *sandbox)
{
    return clock_milliseconds() + (sandbox->patience_ms ? sandbox->patience_ms : SANDBOX_PATIENCE_MS);
}

/* For poll(2). */
static int time_left(int64_t deadline)
{
    int64_t left = deadline - clock_milliseconds();
    return left > 0 ? (int)left : 0;
}

static bool fail_hanging(const struct sandbox *sandbox, struct failure *f)
{
    return fail(f, "'%s' could not be started within %d s: a file system of the host does not answer (dmesg, /proc/mounts)", sandbox->argv[0],
        (sandbox->patience_ms ? sandbox->patience_ms : SANDBOX_PATIENCE_MS) / 1000);
}

static int status_wait(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return SANDBOX_FAILED;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- in the foreground ---- */

struct attached {
    int socket, signals;
    int terminal; /* -1: none */
    bool lent;    /* the terminal's foreground is the command's */
};

static bool terminal_is_ours(const struct attached *attached)
{
    return attached->terminal >= 0 && tcgetpgrp(attached->terminal) == getpgrp();
}

static void terminal_take_back(struct attached *attached)
{
    if (attached->lent)
        (void)tcsetpgrp(attached->terminal, getpgrp());
    attached->lent = false;
}

static void order_send(const struct attached *attached, int signal, bool foreground)
{
    struct order order = {.signal = signal, .foreground = foreground};
    (void)send(attached->socket, &order, sizeof order, MSG_NOSIGNAL);
}

/* A command that stopped because it wants a terminal that is ours to lend gets it; otherwise we stop as it
 * did, so that the shell above sees it, and go on together. */
static void command_stopped(struct attached *attached, int signal)
{
    bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
    if (!wants_terminal || attached->lent || !terminal_is_ours(attached)) {
        bool was_lent = attached->lent;
        terminal_take_back(attached);
        (void)raise(SIGSTOP);
        wants_terminal = wants_terminal || was_lent;
    }
    attached->lent = wants_terminal && terminal_is_ours(attached);
    order_send(attached, SIGCONT, attached->lent);
}

static void signals_forward(const struct attached *attached)
{
    struct signalfd_siginfo info;
    while (read(attached->signals, &info, sizeof info) == sizeof info)
        order_send(attached, (int)info.ssi_signo, false);
}

#define HANGS (-2)

/* Until the command has ended (its status), failed (125 to 127), init is gone (-1), or the command does not begin (HANGS). */
static int attached_run(struct attached *attached, int64_t deadline, struct failure *f)
{
    bool started = false;
    for (;;) {
        struct pollfd wait[] = {{.fd = attached->socket, .events = POLLIN}, {.fd = attached->signals, .events = POLLIN}};
        if (poll(wait, 2, started ? -1 : time_left(deadline)) < 0 && errno != EINTR)
            return -1;
        if (!started && !wait[0].revents && time_left(deadline) == 0)
            return HANGS;
        if (wait[1].revents)
            signals_forward(attached);
        if (!wait[0].revents)
            continue;
        struct report report;
        if (!report_read(attached->socket, &report))
            return -1;
        if (report.kind == REPORT_STARTED)
            started = true;
        if (report.kind == REPORT_ENDED)
            return report.value;
        if (report.kind == REPORT_FAILED) {
            (void)fail(f, "%s", report.failure.text);
            return report.value;
        }
        if (report.kind == REPORT_STOPPED)
            command_stopped(attached, report.value);
    }
}

static bool signals_hold(struct attached *attached, sigset_t *ret_before, struct failure *f)
{
    static const int forwarded[] = FORWARDED_SIGNALS;
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        (void)sigaddset(&set, forwarded[i]);
    attached->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (attached->signals < 0 || !above_standard(&attached->signals, f))
        return fail_errno(f, errno, "cannot take signals");
    (void)sigaddset(&set, SIGTTOU); /* tcsetpgrp from the background */
    (void)pthread_sigmask(SIG_BLOCK, &set, ret_before);
    return true;
}

static void terminal_find(struct attached *attached)
{
    for (int fd = 0; fd < 3 && attached->terminal < 0; fd++)
        if (isatty(fd))
            attached->terminal = fd;
    /* In a pipeline others may need the terminal: then it is lent on demand only. */
    attached->lent = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal_is_ours(attached);
}

static int attached_start(struct launch *launch, struct failure *f)
{
    struct attached attached = {.socket = -1, .signals = -1, .terminal = -1};
    SCOPED_FD far = -1;
    if (!sockets_make(&attached.socket, &far, f))
        return SANDBOX_FAILED;
    SCOPED_FD near = attached.socket;
    sigset_t before;
    if (!signals_hold(&attached, &before, f))
        return SANDBOX_FAILED;
    SCOPED_FD signals = attached.signals;
    terminal_find(&attached);
    launch->socket = far;
    launch->foreground = attached.lent;

    int status = SANDBOX_FAILED;
    pid_t init = init_fork(launch, f);
    if (init > 0) {
        (void)close(scope_keep(&far));
        status = attached_run(&attached, deadline_of(launch->sandbox), f);
        if (status == HANGS)
            (void)kill(init, SIGKILL); /* and not waited for: it may end only when it is answered */
        int own = status == HANGS ? SANDBOX_FAILED : status_wait(init);
        if (status == HANGS) {
            (void)fail_hanging(launch->sandbox, f);
            status = SANDBOX_FAILED;
        } else if (status < 0) {
            (void)fail(f, "the init of workload %s ended before the command did", launch->sandbox->workload);
            status = own ? own : SANDBOX_FAILED;
        }
        terminal_take_back(&attached);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)near;
    (void)signals;
    return status;
}

int sandbox_exec(const struct sandbox *sandbox, struct failure *f)
{
    struct identity identity;
    __attribute__((cleanup(environment_free))) struct environment environment = {.list = NULL};
    __attribute__((cleanup(hosttree_silent_free))) struct hosttree_silent silent = {.count = 0};
    SCOPED_FD netns = -1;
    if (!sandbox_is_sound(sandbox, f) || !identity_resolve(sandbox->user, &identity, f) ||
        !environment_make(sandbox, &identity, &environment, f) || !netns_open(sandbox->netns_path, &netns, f) ||
        !above_standard(&netns, f))
        return SANDBOX_FAILED;
    struct launch launch = {.sandbox = sandbox,
                            .identity = &identity,
                            .environment = environment.list,
                            .silent = &silent,
                            .netns = netns,
                            .log = -1};
    hosttree_ask(&silent);
    return attached_start(&launch, f);
}

/* ---- as a service ---- */

/* A process in between, so that init's parent is the host's PID 1 and nobody here has to reap it. */
static _Noreturn void between_run(struct launch *launch)
{
    struct report report = {.kind = REPORT_PID};
    struct hosttree_silent silent;
    if (!launch->silent) {
        hosttree_ask(&silent);
        launch->silent = &silent;
    }
    report.value = init_fork(launch, &report.failure);
    if (report.value < 0) {
        report.kind = REPORT_FAILED;
        report.value = SANDBOX_FAILED;
    }
    (void)send(launch->socket, &report, sizeof report, MSG_NOSIGNAL);
    _exit(0);
}

static bool comes_in_time(int socket, int64_t deadline)
{
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, time_left(deadline));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* It ends when it is answered, if not before, and executes nothing more. */
static bool give_up(const struct sandbox *sandbox, int init, struct failure *f)
{
    if (init >= 0)
        (void)pidfd_send_signal(init, SIGKILL, NULL, 0);
    return fail_hanging(sandbox, f);
}

/* Number and outcome come in either order. */
static bool outcome_read(int socket, const struct sandbox *sandbox, pid_t *ret_init, struct failure *f)
{
    pid_t init = -1;
    SCOPED_FD held = -1; /* the process, which is nobody's here to wait for */
    bool started = false;
    struct report report;
    int64_t deadline = deadline_of(sandbox);
    while (init < 0 || !started) {
        if (!comes_in_time(socket, deadline))
            return give_up(sandbox, held, f);
        if (!report_read(socket, &report))
            return fail(f, "the init of workload %s ended before it could say why", sandbox->workload);
        if (report.kind == REPORT_FAILED)
            return fail(f, "%s", report.failure.text);
        if (report.kind == REPORT_PID) {
            init = report.value;
            held = pidfd_open(init, 0);
        }
        if (report.kind == REPORT_STARTED)
            started = true;
    }
    *ret_init = init;
    return true;
}

static bool detached_start(struct launch *launch, pid_t *ret_init, struct failure *f)
{
    int near_end = -1, far_end = -1;
    if (!sockets_make(&near_end, &far_end, f))
        return false;
    SCOPED_FD near = near_end;
    SCOPED_FD far = far_end;
    launch->socket = far;
    pid_t between = fork();
    if (between == 0)
        between_run(launch);
    if (between < 0)
        return fail_fork(f, errno, launch->sandbox->workload);
    (void)close(scope_keep(&far));
    bool started = outcome_read(near, launch->sandbox, ret_init, f);
    (void)status_wait(between);
    return started;
}

static bool service_start(const struct sandbox *sandbox, bool trial, pid_t *ret_init, struct failure *f)
{
    struct identity identity;
    __attribute__((cleanup(environment_free))) struct environment environment = {.list = NULL};
    SCOPED_FD netns = -1;
    SCOPED_FD log = -1;
    if (!sandbox_is_sound(sandbox, f) || !identity_resolve(sandbox->user, &identity, f) ||
        !environment_make(sandbox, &identity, &environment, f) || !netns_open(sandbox->netns_path, &netns, f) ||
        !above_standard(&netns, f) || (!trial && !log_open(sandbox->log_path, &log, f)))
        return false;
    struct launch launch = {.sandbox = sandbox,
                            .identity = &identity,
                            .environment = environment.list,
                            .netns = netns,
                            .log = log,
                            .silent = sandbox->silent,
                            .detached = true,
                            .trial = trial};
    return detached_start(&launch, ret_init, f);
}

bool sandbox_start(const struct sandbox *sandbox, pid_t *ret_init, struct failure *f)
{
    return service_start(sandbox, false, ret_init, f);
}

bool sandbox_try(const struct sandbox *sandbox, struct failure *f)
{
    pid_t ended;
    return service_start(sandbox, true, &ended, f);
}
