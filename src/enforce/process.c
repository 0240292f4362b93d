/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/clock.h"
#include "enforce/netns.h"
#include "enforce/scope.h"

/* A killed PID 1 takes its whole namespace along, which takes the kernel a while under load. */
#define KILL_PATIENCE_MS 10000

int process_ending_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

uint64_t process_start_time(pid_t pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    SCOPED_FD file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    if (length <= 0)
        return 0;
    text[length] = '\0';

    /* The name, field 2, may hold anything: what follows its last ')' is field 3, the state. */
    char *rest = strrchr(text, ')');
    if (!rest || rest[1] != ' ' || rest[2] == 'Z' || rest[2] == 'X')
        return 0;
    rest += 2;
    const char *word = NULL;
    for (int field = 3; field <= 22; field++)
        word = strsep(&rest, " ");
    return word ? strtoull(word, NULL, 10) : 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    return start_time != 0 && process_start_time(pid) == start_time;
}

bool process_numbers_hold(struct failure *f)
{
    char self[32];
    ssize_t length = readlink("/proc/self", self, sizeof self - 1);
    if (length < 0)
        return fail_errno(f, errno, "cannot read /proc/self (is /proc mounted?)");
    self[length] = '\0';
    if (strtol(self, NULL, 10) != getpid())
        return fail(f, "/proc shows another PID namespace than this process is in: mount this one's (unshare has --mount-proc)");
    return true;
}

static bool ended_within(int pidfd, int timeout_ms)
{
    int64_t end = clock_milliseconds() + timeout_ms;
    for (;;) {
        int64_t left = end - clock_milliseconds();
        struct pollfd wait = {.fd = pidfd, .events = POLLIN};
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

bool process_stop(pid_t pid, uint64_t start_time, int timeout_ms, struct failure *f)
{
    if (!process_numbers_hold(f))
        return false;
    SCOPED_FD pidfd = pidfd_open(pid, 0);
    if (pidfd < 0 && errno == ESRCH)
        return true;
    if (pidfd < 0)
        return fail_errno(f, errno, "cannot get hold of process %d", pid);
    /* After the descriptor: it now means the process whose start time this is. */
    if (!process_is(pid, start_time))
        return true;
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return fail_errno(f, errno, "cannot end process %d", pid);
    if (ended_within(pidfd, timeout_ms))
        return true;
    if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return fail_errno(f, errno, "cannot kill process %d", pid);
    if (!ended_within(pidfd, KILL_PATIENCE_MS))
        return fail(f, "process %d was killed and still exists: it waits in the kernel (see /proc/%d/stack)", pid, pid);
    return true;
}

static bool is_one_of(ino_t inode, const ino_t *inodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (inodes[i] == inode)
            return true;
    return false;
}

static void kill_inside(const ino_t *inodes, size_t count)
{
    DIR *proc = opendir("/proc");
    char path[512];
    struct stat s;
    for (struct dirent *e; proc && count && (e = readdir(proc));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        (void)snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
        if (pid > 1 && pid != getpid() && stat(path, &s) == 0 && is_one_of(s.st_ino, inodes, count))
            (void)kill(pid, SIGKILL);
    }
    if (proc)
        (void)closedir(proc);
}

#define AT_ONCE 128 /* descriptors; a look at all processes for each so many namespaces */

static bool end_some(const char *const *names, size_t count, struct failure *f)
{
    int held[AT_ONCE]; /* so that their numbers are nobody else's while we look */
    ino_t inodes[AT_ONCE];
    size_t found = 0;
    bool done = true;
    for (size_t i = 0; i < count; i++) {
        struct stat s;
        if (netns_open(names[i], &held[found], NULL)) {
            if (fstat(held[found], &s) == 0)
                inodes[found++] = s.st_ino;
            else
                (void)close(held[found]);
        }
        done = netns_delete(names[i], done ? f : NULL) && done;
    }
    kill_inside(inodes, found);
    while (found)
        (void)close(held[--found]);
    return done;
}

bool netns_end(const char *const *names, size_t count, struct failure *f)
{
    bool done = true;
    for (size_t at = 0; at < count; at += AT_ONCE)
        done = end_some(names + at, count - at < AT_ONCE ? count - at : AT_ONCE, done ? f : NULL) && done;
    return done;
}
