/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/hosttree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "enforce/clock.h"
#include "enforce/scope.h"

#define ATTRIBUTES (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ANSWER_MS 1000 /* patience with a file system */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Replaced by the workload's own. */
static const char *const own_places[] = {"/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/run", "/var/lock"};

/* Interfaces to the kernel or to the host's daemons, not files; and the roots of containers. */
const char *const hosttree_hidden[] = {
    "overlay",    "fuse.lxcfs", "fuse.portal",
    "proc",       "sysfs",      "cgroup",    "cgroup2",     "devpts",   "devtmpfs",   "debugfs",     "tracefs",
    "bpf",        "securityfs", "pstore",    "configfs",    "mqueue",   "hugetlbfs",  "autofs",      "binfmt_misc",
    "fusectl",    "efivarfs",   "nsfs",      "rpc_pipefs",  "nfsd",     "selinuxfs",  "smackfs",     "resctrl",
    NULL,
};

static bool is_within(const char *path, const char *place)
{
    size_t length = strlen(place);
    return strncmp(path, place, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool may_be_shown(const char *path, const char *kind)
{
    for (size_t i = 0; i < COUNT(own_places); i++)
        if (is_within(path, own_places[i]))
            return false;
    for (size_t i = 0; hosttree_hidden[i]; i++)
        if (strcmp(kind, hosttree_hidden[i]) == 0)
            return false;
    return true;
}

static bool is_shown(const struct hosttree *tree, const struct hosttree_silent *silent, const char *path, const char *kind)
{
    if (tree->count == HOSTTREE_MAX || !may_be_shown(path, kind))
        return false;
    for (size_t i = 0; i < silent->count; i++)
        if (is_within(path, silent->paths[i]))
            return false;
    for (size_t i = 0; i < tree->count; i++)
        if (strcmp(path, tree->parts[i].path) == 0)
            return false;
    return true;
}

/* mountinfo writes space, tab, newline and backslash as \ooo (proc(5)). */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
            from[3] >= '0' && from[3] <= '7') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool fs_text(int fs, const char *key, const char *value)
{
    return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

/* The layers are named by descriptor: no path needs quoting. */
static int overlay_make(int lower, int empty)
{
    SCOPED_FD fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    char layers[64];
    (void)snprintf(layers, sizeof layers, "/proc/self/fd/%d:/proc/self/fd/%d", lower, empty);
    if (!fs_text(fs, "source", "bulkhead") || !fs_text(fs, "lowerdir", layers) ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(fs, FSMOUNT_CLOEXEC, ATTRIBUTES);
}

/* A single regular file that is mounted on: it has no socket below it, a read-only copy is enough. */
static int file_copy(int lower)
{
    SCOPED_FD copy = open_tree(lower, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    struct mount_attr wish = {.attr_set = ATTRIBUTES};
    if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH, &wish, sizeof wish) < 0)
        return -1;
    return scope_keep(&copy);
}

/* The mount or -1 with errno. */
static int part_make(const char *path, int empty)
{
    SCOPED_FD lower = open(path, O_PATH | O_CLOEXEC);
    struct stat there;
    if (lower < 0 || fstat(lower, &there) < 0)
        return -1;
    if (S_ISDIR(there.st_mode))
        return overlay_make(lower, empty);
    if (S_ISREG(there.st_mode))
        return file_copy(lower);
    errno = ENOTSUP;
    return -1;
}

static bool part_add(struct hosttree *tree, const char *path, int fd, struct failure *f)
{
    char *copy = strdup(path);
    if (!copy) {
        (void)close(fd);
        return fail(f, "cannot list the host's file systems: out of memory");
    }
    tree->parts[tree->count].path = copy;
    tree->parts[tree->count].fd = fd;
    tree->count++;
    return true;
}

/* What cannot be shown safely is not shown, except the root, without which there is no tree. */
static bool part_take(struct hosttree *tree, const char *path, int empty, struct failure *f)
{
    int fd = part_make(path, empty);
    if (fd >= 0)
        return part_add(tree, path, fd, f);
    if (strcmp(path, "/") == 0)
        return fail_needing(f, errno, "the overlay module", "cannot lay an overlay over the host's root");
    return true;
}

/* Fields 5 and, after " - ", the next (proc(5)): mount point and type. */
static bool line_split(char *line, char **ret_path, char **ret_kind)
{
    char *rest = strstr(line, " - ");
    if (!rest)
        return false;
    *rest = '\0';
    rest += 3;
    for (int i = 0; i < 5; i++)
        *ret_path = strsep(&line, " ");
    *ret_kind = strsep(&rest, " ");
    return *ret_path && **ret_kind;
}

/* ---- what does not answer ---- */

/* Whose answers come from a process or another machine. */
static bool answers_from_afar(const char *kind)
{
    static const char *const kinds[] = {"fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "afs", "lustre", "orangefs", "coda"};
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return strncmp(kind, "fuse.", 5) == 0;
}

/* It may never end, and is to keep nothing of ours open until then but the end of the pipe. */
static _Noreturn void wait_for_answer(const char *path, int end)
{
    struct stat there;
    struct statfs whole;
    sigset_t alarm_only;
    (void)dup2(end, 0);
    (void)close_range(1, UINT_MAX, 0);
    (void)signal(SIGALRM, SIG_DFL);
    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    (void)alarm(2 * ANSWER_MS / 1000);
    (void)!stat(path, &there);
    (void)!statfs(path, &whole);
    _exit(0);
}

/* A pipe that is closed at its other end once there is an answer, whatever that is; by a process that is nobody's here to wait for. */
static int ask(const char *path)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t between = fork();
    if (between == 0) {
        if (fork() == 0)
            wait_for_answer(path, ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
    return ends[0];
}

static bool answers(int pipe, int64_t until)
{
    struct pollfd wait = {.fd = pipe, .events = POLLIN};
    for (;;) {
        int64_t left = until - clock_milliseconds();
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready >= 0 || errno != EINTR)
            return ready != 0;
    }
}

void hosttree_ask(struct hosttree_silent *ret)
{
    int pipes[HOSTTREE_MAX];
    SCOPED_FILE list = fopen("/proc/self/mountinfo", "re");
    SCOPED_MEMORY char *line = NULL;
    size_t room = 0, asked = 0;
    while (list && asked < HOSTTREE_MAX && getline(&line, &room, list) > 0) {
        char *path, *kind;
        if (!line_split(line, &path, &kind) || !answers_from_afar(kind))
            continue;
        unescape(path);
        char *copy = strcmp(path, "/") != 0 && may_be_shown(path, kind) ? strdup(path) : NULL;
        if (!copy)
            continue;
        pipes[asked] = ask(copy);
        ret->paths[asked++] = copy;
    }
    int64_t until = clock_milliseconds() + ANSWER_MS;
    ret->count = 0;
    for (size_t i = 0; i < asked; i++) {
        SCOPED_FD pipe = pipes[i];
        if (pipe < 0 || answers(pipe, until))
            free(ret->paths[i]);
        else
            ret->paths[ret->count++] = ret->paths[i];
    }
}

void hosttree_silent_free(struct hosttree_silent *silent)
{
    while (silent->count)
        free(silent->paths[--silent->count]);
}

bool hosttree_take(const char *empty, const struct hosttree_silent *silent, struct hosttree *tree, struct failure *f)
{
    SCOPED_FD second = open(empty, O_PATH | O_CLOEXEC);
    if (second < 0)
        return fail_errno(f, errno, "cannot open %s", empty);
    if (!part_take(tree, "/", second, f))
        return false;
    SCOPED_FILE list = fopen("/proc/self/mountinfo", "re");
    if (!list)
        return fail_errno(f, errno, "cannot read /proc/self/mountinfo");
    SCOPED_MEMORY char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, list) > 0) {
        char *path, *kind;
        if (!line_split(line, &path, &kind))
            continue;
        unescape(path);
        if (is_shown(tree, silent, path, kind) && !part_take(tree, path, second, f))
            return false;
    }
    return true;
}

static bool part_attach(int fd, const char *target, struct failure *f)
{
    if (move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail_errno(f, errno, "cannot attach the host's %s to the workload's tree", target);
    return true;
}

bool hosttree_attach_root(struct hosttree *tree, const char *target, struct failure *f)
{
    return part_attach(tree->parts[0].fd, target, f);
}

bool hosttree_attach_rest(struct hosttree *tree, struct failure *f)
{
    for (size_t i = 1; i < tree->count; i++)
        if (!part_attach(tree->parts[i].fd, tree->parts[i].path, f))
            return false;
    return true;
}

void hosttree_close(struct hosttree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->parts[i].path);
        (void)close(tree->parts[i].fd);
    }
    tree->count = 0;
}
