/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "enforce/clock.h"
#include "enforce/command.h"
#include "enforce/mounts.h"
#include "enforce/netns.h"
#include "enforce/scope.h"
#include "enforce/confine.h"

/* A command that fails at once is tried again after 0.1, 0.2, 0.4 ... 10 s; one that lived longer than that
 * begins anew. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 10000
#define LIFE_THAT_RESETS_MS 10000

struct init {
    const struct launch *launch;
    int socket;   /* -1 once a detached sandbox has reported */
    int signals;  /* signalfd */
    int output[2]; /* detached with a log: the command's output */
    int terminal; /* -1: none */
    pid_t command; /* -1: not running */
    int64_t started_at, restart_at; /* ms */
    int backoff;
    bool stopping;
    int status; /* of the last command */
};

static void report(const struct init *init, enum report_kind kind, int value, const struct failure *f)
{
    struct report message = {.kind = kind, .value = value};
    if (f)
        message.failure = *f;
    if (init->socket >= 0)
        (void)send(init->socket, &message, sizeof message, MSG_NOSIGNAL);
}

/* ---- furnishing ---- */

static int by_number(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

/* What the starter had open (tables, sockets) is none of the sandbox's business, init included. */
static bool descriptors_close(const struct launch *launch, struct failure *f)
{
    /* A closed standard file would give its number to something of init's own. */
    int null;
    do
        null = open("/dev/null", O_RDWR);
    while (null >= 0 && null < 3);
    for (int fd = 0; launch->detached && null >= 0 && fd < 3; fd++) /* at once: whoever reads what the starter writes need not wait for a start that hangs */
        (void)dup2(null, fd);
    int kept[] = {launch->socket, launch->netns, launch->log};
    qsort(kept, 3, sizeof kept[0], by_number);
    unsigned next = 3;
    for (size_t i = 0; i < 3; i++) {
        if (kept[i] < 3)
            continue;
        unsigned fd = (unsigned)kept[i];
        if (fd > next && close_range(next, fd - 1, 0) < 0)
            return fail_needing(f, errno, "Linux 5.9 or newer", "cannot close inherited files");
        next = fd + 1;
    }
    if (close_range(next, UINT_MAX, 0) < 0)
        return fail_needing(f, errno, "Linux 5.9 or newer", "cannot close inherited files");
    return true;
}

static bool signals_take(struct init *init, struct failure *f)
{
    static const int forwarded[] = FORWARDED_SIGNALS;
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        (void)sigaddset(&set, forwarded[i]);
    (void)sigaddset(&set, SIGCHLD);
    init->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    /* Not read, only kept from stopping init when it moves the terminal's foreground. */
    (void)sigaddset(&set, SIGTTOU);
    (void)sigaddset(&set, SIGTTIN);
    (void)sigaddset(&set, SIGPIPE);
    if (init->signals < 0 || sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return fail_errno(f, errno, "cannot take signals");
    /* An ignored SIGCHLD, which is inherited, would reap the command unseen. */
    (void)signal(SIGCHLD, SIG_DFL);
    return true;
}

/* From here on the death of the starter's thread ends the sandbox; that it died before is seen at the socket. */
static bool fate_share(const struct launch *launch, struct failure *f)
{
    if (launch->detached)
        return setsid() >= 0 ? true : fail_errno(f, errno, "cannot make a session for init");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return fail_errno(f, errno, "cannot tie the sandbox to its starter");
    struct pollfd starter = {.fd = launch->socket};
    if (poll(&starter, 1, 0) > 0 && (starter.revents & POLLHUP))
        _exit(SANDBOX_FAILED);
    /* kill(0) and the terminal's signals must not cross: a group has no PID namespace. */
    return setpgid(0, 0) == 0 ? true : fail_errno(f, errno, "cannot make a process group for init");
}

static bool namespaces_enter(const struct launch *launch, struct failure *f)
{
    if (!netns_enter(launch->netns, f))
        return false;
    /* netns_end kills whom it finds inside, after it has taken the name away: who comes later must leave by himself. */
    if (!netns_is_at(launch->netns, launch->sandbox->netns_path))
        return fail(f, "the network namespace of workload %s was taken down at this moment", launch->sandbox->workload);
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        return fail_needing(f, errno, "CAP_SYS_ADMIN", "cannot make the workload's namespaces");
    if (sethostname(launch->sandbox->workload, strlen(launch->sandbox->workload)) < 0)
        return fail_errno(f, errno, "cannot set the host name to %s", launch->sandbox->workload);
    return true;
}

static bool is_null_device(const struct stat *file)
{
    return S_ISCHR(file->st_mode) && file->st_rdev == makedev(1, 3);
}

/* The same file as descriptor `fd`, at the same place in it, by a mount that is read-only. -1 with errno. */
static int reopen_read_only(int fd)
{
    SCOPED_FD tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    struct mount_attr wish = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &wish, sizeof wish) < 0)
        return -1;
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", tree);
    SCOPED_FD file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || lseek(file, lseek(fd, 0, SEEK_CUR), SEEK_SET) < 0)
        return -1;
    return scope_keep(&file);
}

/* A file of the host that the caller opened to be read: by /proc/self/fd, uid 0 could open it again and write. Before
 * the mount namespace is left that the file is in; one without a name is nobody else's. */
static bool standard_files_bar(bool detached, struct failure *f)
{
    for (int fd = 0; fd < 3 && !detached; fd++) {
        struct stat file;
        if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || file.st_nlink == 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
            continue;
        SCOPED_FD barred = reopen_read_only(fd);
        if (barred < 0 || dup2(barred, fd) < 0)
            return fail_errno(f, errno, "cannot keep the workload from writing to the file that is standard file %d (pass it by a "
                                        "pipe: cat FILE | bulkhead exec ...)", fd);
    }
    return true;
}

/* A closed one becomes /dev/null, and the host's /dev/null the sandbox's: on the host's, uid 0 could change
 * the mode. */
static bool standard_files_settle(bool detached, struct failure *f)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat file;
        bool open_now = fstat(fd, &file) == 0;
        if (open_now && !detached && S_ISDIR(file.st_mode))
            return fail(f, "standard file %d is a directory: the workload could walk the host's tree from it; "
                           "redirect it", fd);
        if (open_now && !detached && !is_null_device(&file))
            continue;
        SCOPED_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
            return fail_errno(f, errno, "cannot open /dev/null in the workload's tree");
        if (null == fd) {
            (void)fcntl(fd, F_SETFD, 0);
            (void)scope_keep(&null);
        } else if (dup2(null, fd) < 0) {
            return fail_errno(f, errno, "cannot open standard file %d", fd);
        }
    }
    return true;
}

/* One byte is the kernel's own mark for "no core dump, not even to the program that core_pattern names"
 * (fs/coredump.c): that program would run as root on the host, over memory that the workload has written. */
static bool core_dumps_end(struct failure *f)
{
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
    if (setrlimit(RLIMIT_CORE, &limit) < 0)
        return fail_errno(f, errno, "cannot switch the workload's core dumps off");
    return true;
}

/* Not dumpable: /proc/1 shows the sandbox neither init's memory nor the host's file that it runs. */
static bool confine(struct failure *f)
{
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (!core_dumps_end(f) || !capabilities_drop(f))
        return false;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail_errno(f, errno, "cannot make init opaque");
    return seccomp_confine(f);
}

static bool output_open(struct init *init, struct failure *f)
{
    if (init->launch->log < 0)
        return true;
    if (pipe2(init->output, O_CLOEXEC) < 0)
        return fail_errno(f, errno, "cannot make a pipe for the log");
    (void)fcntl(init->output[0], F_SETFL, O_NONBLOCK);
    return true;
}

static void terminal_find(struct init *init)
{
    for (int fd = 0; fd < 3 && init->terminal < 0 && !init->launch->detached; fd++)
        if (isatty(fd))
            init->terminal = fd;
}

static bool furnish(struct init *init, struct failure *f)
{
    const struct launch *launch = init->launch;
    (void)prctl(PR_SET_NAME, "bulkhead-init", 0, 0, 0);
    (void)umask(022); /* whatever the caller's, or the unit's: other users than root read the hosts file */
    if (!signals_take(init, f) || !fate_share(launch, f) || !standard_files_bar(launch->detached, f) || !namespaces_enter(launch, f))
        return false;
    (void)close(launch->netns);
    if (!mounts_build(launch->sandbox->hosts, launch->silent, f) || !standard_files_settle(launch->detached, f) ||
        !output_open(init, f))
        return false;
    terminal_find(init);
    return confine(f);
}

/* Bytes of a service's log; then it begins anew, so that a workload cannot fill the host's /run. */
#define LOG_MAX ((off_t)8 << 20)

static void log_bound(int log)
{
    struct stat there;
    if (fstat(log, &there) == 0 && there.st_size > LOG_MAX)
        (void)!ftruncate(log, 0);
}

/* ---- looking after the command ---- */

static void output_copy(struct init *init)
{
    char buffer[16384];
    ssize_t length;
    while (init->output[0] >= 0 && (length = read(init->output[0], buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < length;) {
            log_bound(init->launch->log);
            ssize_t written = write(init->launch->log, buffer + done, (size_t)(length - done));
            if (written <= 0)
                break; /* a full disk loses log lines, never the service */
            done += written;
        }
}

static _Noreturn void init_end(struct init *init, int status)
{
    output_copy(init);
    _exit(status);
}

static void signal_pass(const struct init *init, int signal)
{
    if (init->command < 0)
        return;
    bool to_group = signal == SIGCONT || signal == SIGTSTP;
    if (!to_group || kill(-init->command, signal) < 0)
        (void)kill(init->command, signal);
}

/* What an earlier run left behind must not meet the next one. */
static void everybody_end(void)
{
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

static void restart_plan(struct init *init)
{
    enum restart policy = init->launch->sandbox->restart;
    if (init->stopping || policy == RESTART_NEVER || (policy == RESTART_ON_FAILURE && init->status == 0))
        init_end(init, init->status);
    everybody_end();
    int64_t now = clock_milliseconds();
    if (now - init->started_at >= LIFE_THAT_RESETS_MS)
        init->backoff = BACKOFF_FIRST_MS;
    init->restart_at = now + init->backoff;
    init->backoff = init->backoff * 2 < BACKOFF_LAST_MS ? init->backoff * 2 : BACKOFF_LAST_MS;
}

static void command_ended(struct init *init, int status)
{
    init->command = -1;
    init->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (init->launch->detached) {
        restart_plan(init);
        return;
    }
    report(init, REPORT_ENDED, init->status, NULL);
    init_end(init, init->status);
}

static void children_reap(struct init *init)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != init->command)
            continue;
        if (WIFSTOPPED(status))
            report(init, REPORT_STOPPED, WSTOPSIG(status), NULL);
        else
            command_ended(init, status);
    }
}

static void signals_read(struct init *init)
{
    struct signalfd_siginfo info;
    while (read(init->signals, &info, sizeof info) == sizeof info) {
        int signal = (int)info.ssi_signo;
        if (signal == SIGCHLD) {
            children_reap(init);
            continue;
        }
        if (init->launch->detached && (signal == SIGTERM || signal == SIGINT)) {
            init->stopping = true;
            if (init->command < 0)
                init_end(init, init->status);
        }
        signal_pass(init, signal);
    }
}

static void order_read(struct init *init)
{
    struct order order;
    ssize_t length = recv(init->socket, &order, sizeof order, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length != sizeof order)
        _exit(SANDBOX_FAILED); /* the starter is gone: the kernel ends the others with PID 1 */
    if (order.foreground && init->terminal >= 0 && init->command > 0)
        (void)tcsetpgrp(init->terminal, init->command);
    if (order.signal)
        signal_pass(init, order.signal);
}

static bool command_begin(struct init *init, struct report *ret_report)
{
    init->started_at = clock_milliseconds();
    int terminal = init->launch->foreground ? init->terminal : -1;
    init->command = command_start(init->launch, init->output[1], terminal, ret_report);
    return init->command > 0;
}

static void command_again(struct init *init)
{
    struct report failed;
    if (command_begin(init, &failed))
        return;
    init->status = failed.value;
    restart_plan(init);
}

static int patience(const struct init *init)
{
    if (init->command > 0)
        return -1;
    int64_t left = init->restart_at - clock_milliseconds();
    return left > 0 ? (int)left : 0;
}

static _Noreturn void look_after(struct init *init)
{
    for (;;) {
        struct pollfd wait[] = {{.fd = init->signals, .events = POLLIN},
                                {.fd = init->socket, .events = POLLIN},
                                {.fd = init->output[0], .events = POLLIN}};
        int ready = poll(wait, 3, patience(init));
        if (ready > 0 && wait[2].revents)
            output_copy(init);
        if (ready > 0 && wait[1].revents)
            order_read(init);
        if (ready > 0 && wait[0].revents)
            signals_read(init);
        if (init->command < 0 && patience(init) == 0)
            command_again(init);
    }
}

_Noreturn void init_run(const struct launch *launch)
{
    struct init init = {.launch = launch,
                        .socket = launch->socket,
                        .signals = -1,
                        .output = {-1, -1},
                        .terminal = -1,
                        .command = -1,
                        .backoff = BACKOFF_FIRST_MS};
    struct failure failure = {{0}};
    if (!descriptors_close(launch, &failure) || !furnish(&init, &failure)) {
        report(&init, REPORT_FAILED, SANDBOX_FAILED, &failure);
        _exit(SANDBOX_FAILED);
    }
    struct report failed;
    if (!command_begin(&init, &failed)) {
        report(&init, REPORT_FAILED, failed.value, &failed.failure);
        init_end(&init, failed.value);
    }
    report(&init, REPORT_STARTED, 0, NULL);
    if (launch->trial)
        init_end(&init, 0);
    if (launch->detached) {
        (void)close(init.socket);
        init.socket = -1;
    }
    look_after(&init);
}
