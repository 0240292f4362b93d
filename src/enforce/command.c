/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "enforce/descriptors.h"
#include "enforce/scope.h"

/* Between fork and exec the process still is the program that holds this code, and /proc/self/exe leads to
 * that file on the host, past the read-only tree. So nothing is executed by way of a magic link. */
static bool path_is_honest(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    SCOPED_FD file = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    return file >= 0;
}

/* What execve(2) would say before it reads the file: 0, or errno. */
static int may_execute(const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        return errno;
    if (!S_ISREG(file.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* Returns errno; 0 in a trial, when it could be done. */
static int execute_path(const struct launch *launch, const char *path)
{
    if (!path_is_honest(path))
        return errno;
    if (launch->trial)
        return may_execute(path);
    descriptors_give_back();
    (void)execve(path, launch->sandbox->argv, launch->environment);
    return errno;
}

static const char *search_path(char *const *environment)
{
    for (size_t i = 0; environment[i]; i++)
        if (strncmp(environment[i], "PATH=", 5) == 0)
            return environment[i] + 5;
    return "/usr/bin:/bin";
}

/* As execvp(3): a file that may not be executed is remembered, and the search goes on. */
static int execute_by_name(const struct launch *launch, const char *name)
{
    int error = ENOENT;
    const char *rest = search_path(launch->environment);
    for (;;) {
        size_t length = strcspn(rest, ":");
        char path[PATH_MAX];
        int written = snprintf(path, sizeof path, "%.*s%s%s", (int)length, rest, length ? "/" : "", name);
        if (written > 0 && (size_t)written < sizeof path) {
            int now = execute_path(launch, path);
            if (now == 0)
                return 0;
            if (now != ENOENT && now != ENOTDIR)
                error = now;
        }
        if (!rest[length])
            return error;
        rest += length + 1;
    }
}

static int execute(const struct launch *launch)
{
    const char *name = launch->sandbox->argv[0];
    if (name[0] == '\0')
        return ENOENT;
    return strchr(name, '/') ? execute_path(launch, name) : execute_by_name(launch, name);
}

/* Ignored signals are inherited by programs. A service starts with none; an attached command keeps what its
 * caller chose, as under env(1). */
static void signals_reset(bool all)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) < 0 || action.sa_handler == SIG_DFL)
            continue;
        if (all || action.sa_handler != SIG_IGN)
            (void)signal(number, SIG_DFL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool stand_apart(const struct launch *launch, int output, int terminal, struct failure *f)
{
    if (launch->detached) {
        if (setsid() < 0)
            return fail_errno(f, errno, "cannot make a session for the command");
    } else if (setpgid(0, 0) < 0) {
        return fail_errno(f, errno, "cannot make a process group for the command");
    }
    if (terminal >= 0 && tcsetpgrp(terminal, getpid()) < 0 && errno != ENOTTY)
        return fail_errno(f, errno, "cannot give the terminal to the command");
    if (output >= 0 && (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0))
        return fail_errno(f, errno, "cannot redirect the command's output");
    return true;
}

static bool prepare(const struct launch *launch, int output, int terminal, struct failure *f)
{
    const char *directory = launch->sandbox->directory ? launch->sandbox->directory : "/";
    if (!stand_apart(launch, output, terminal, f) || !identity_assume(launch->identity, f))
        return false;
    if (chdir(directory) < 0)
        return fail_errno(f, errno, "cannot enter the directory %s in the workload's tree", directory);
    if (close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
        return fail_needing(f, errno, "Linux 5.11 or newer", "cannot close the command's inherited files");
    return true;
}

/* Below a place that is empty or the workload's own. */
static bool is_hidden(const char *path)
{
    static const char *const places[] = {"/home", "/root", "/tmp", "/var/tmp", "/run"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        size_t length = strlen(places[i]);
        if (strncmp(path, places[i], length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

static _Noreturn void child_run(const struct launch *launch, int output, int terminal, int reports)
{
    struct report report = {.kind = REPORT_FAILED, .value = SANDBOX_FAILED};
    if (prepare(launch, output, terminal, &report.failure)) {
        signals_reset(launch->detached);
        int error = execute(launch);
        if (error == 0)
            _exit(0);
        report.value = error == ENOENT ? SANDBOX_NOT_FOUND : SANDBOX_CANNOT_EXECUTE;
        (void)fail_errno(&report.failure, error, "cannot execute '%s' as workload %s%s", launch->sandbox->argv[0],
                         launch->sandbox->workload,
                         is_hidden(launch->sandbox->argv[0]) ? " (it does not see the host's /home, /root, /tmp, /var/tmp and /run; "
                                                               "put the program under /usr/local, /opt or /srv)" : "");
    }
    /* Under PIPE_BUF: whole or not at all. */
    ssize_t written = write(reports, &report, sizeof report);
    _exit(written == sizeof report ? report.value : SANDBOX_FAILED);
}

/* The end of the pipe without a word means that the program has replaced the child. */
static bool was_executed(int reports, struct report *ret_report)
{
    ssize_t length;
    do
        length = read(reports, ret_report, sizeof *ret_report);
    while (length < 0 && errno == EINTR);
    return length == 0;
}

pid_t command_start(const struct launch *launch, int output, int terminal, struct report *ret_report)
{
    *ret_report = (struct report){.kind = REPORT_FAILED, .value = SANDBOX_FAILED};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        (void)fail_errno(&ret_report->failure, errno, "cannot make a pipe");
        return -1;
    }
    SCOPED_FD reader = ends[0];
    pid_t child;
    {
        SCOPED_FD writer = ends[1];
        child = fork();
        if (child == 0)
            child_run(launch, output, terminal, writer);
        if (child < 0) {
            (void)fail_fork(&ret_report->failure, errno, "the command");
            return -1;
        }
    }
    if (!launch->detached)
        (void)setpgid(child, child); /* both do it: whoever comes first */
    if (was_executed(reader, ret_report))
        return child;
    (void)waitpid(child, NULL, 0);
    return -1;
}
