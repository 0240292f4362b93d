/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "enforce/scope.h"

#define OWN_NAMESPACE "/proc/thread-self/ns/net"

/* A name becomes the last part of a path: no slash, no "." or "..", nothing hidden. */
static bool name_is_sound(const char *name, struct failure *f)
{
    size_t length = strlen(name);
    if (length > 0 && length < NAME_MAX && name[0] != '.' && !strchr(name, '/'))
        return true;
    return fail(f, "'%s' cannot be the name of a network namespace: give one without '/' or a leading '.'", name);
}

static void path_of(const char *name, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, NETNS_DIRECTORY "/%s", name);
}

/* The directory must be a shared mount of its own: then a namespace deleted here is also let go by mount
 * namespaces that copied it. The lock is iproute2's: two makers at once would stack the mount. */
static bool directory_prepare(struct failure *f)
{
    if (mkdir(NETNS_DIRECTORY, 0755) < 0 && errno != EEXIST)
        return fail_errno(f, errno, "cannot make " NETNS_DIRECTORY " (are you root?)");
    SCOPED_FD directory = open(NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || flock(directory, LOCK_EX) < 0)
        return fail_errno(f, errno, "cannot open and lock " NETNS_DIRECTORY);
    if (mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) == 0)
        return true;
    if (errno != EINVAL)
        return fail_errno(f, errno, "cannot make " NETNS_DIRECTORY " a shared mount (are you root?)");
    if (mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC, NULL) < 0 ||
        mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) < 0)
        return fail_errno(f, errno, "cannot make " NETNS_DIRECTORY " a shared mount");
    return true;
}

bool netns_open_own(int *ret_fd, struct failure *f)
{
    int home = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return fail_errno(f, errno, "cannot open " OWN_NAMESPACE " (is /proc mounted?)");
    *ret_fd = home;
    return true;
}

/* While the thread is still at home: whether it may come back. */
static bool home_is_open(int home, struct failure *f)
{
    if (setns(home, CLONE_NEWNET) < 0)
        return fail_needing(f, errno, "CAP_SYS_ADMIN, with no seccomp filter against setns (a container's, or RestrictNamespaces= and SystemCallFilter= of a unit),",
                            "cannot go from one network namespace to another");
    return true;
}

static void home_return(int home)
{
    if (setns(home, CLONE_NEWNET) < 0)
        abort();
}

bool netns_return_probe(struct failure *f)
{
    SCOPED_FD home = -1;
    return netns_open_own(&home, f) && home_is_open(home, f);
}

/* With the thread inside a fresh namespace: binds it to the path. */
static bool bind_here(const char *path, int *ret_fd, struct failure *f)
{
    SCOPED_FD fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(f, errno, "cannot open the new network namespace for %s", path);
    if (mount(OWN_NAMESPACE, path, "none", MS_BIND, NULL) < 0)
        return fail_errno(f, errno, "cannot bind the new network namespace to %s", path);
    *ret_fd = scope_keep(&fd);
    return true;
}

bool netns_create(const char *name, int *ret_fd, struct failure *f)
{
    if (!name_is_sound(name, f) || !directory_prepare(f))
        return false;
    char path[PATH_MAX];
    path_of(name, path);
    SCOPED_FD home = -1;
    if (!netns_open_own(&home, f) || !home_is_open(home, f))
        return false;

    SCOPED_FD target = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (target < 0 && errno == EEXIST)
        return fail(f, "%s exists already: left by another run or another program; `ip netns delete %s` removes it",
                    path, name);
    if (target < 0)
        return fail_errno(f, errno, "cannot make %s", path);

    if (unshare(CLONE_NEWNET) < 0) {
        int error = errno;
        (void)unlink(path);
        return fail_needing(f, error, "CAP_SYS_ADMIN", "cannot make a network namespace");
    }
    bool bound = bind_here(path, ret_fd, f);
    home_return(home);
    if (!bound)
        (void)unlink(path);
    return bound;
}

bool netns_bind(const char *name, int fd, struct failure *f)
{
    char path[PATH_MAX], own[64];
    struct stat there;
    if (!name_is_sound(name, f) || !directory_prepare(f))
        return false;
    path_of(name, path);
    SCOPED_FD target = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0);
    if (target < 0)
        return fail_errno(f, errno, "cannot make %s", path);
    if (fstat(target, &there) < 0 || !S_ISREG(there.st_mode) || there.st_size != 0)
        return fail(f, "%s is there, and nothing that bulkhead made: remove it", path);
    (void)snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    return mount(own, path, "none", MS_BIND, NULL) == 0 || fail_errno(f, errno, "cannot bind a network namespace to %s", path);
}

bool netns_open(const char *name_or_path, int *ret_fd, struct failure *f)
{
    char path[PATH_MAX];
    if (strchr(name_or_path, '/')) {
        (void)snprintf(path, sizeof path, "%s", name_or_path);
    } else {
        if (!name_is_sound(name_or_path, f))
            return false;
        path_of(name_or_path, path);
    }
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(f, errno, "cannot open the network namespace %s", path);
    struct statfs kind;
    if (fstatfs(fd, &kind) < 0 || kind.f_type != NSFS_MAGIC)
        return fail(f, "%s is not a bound namespace: a leftover file; `ip netns delete` or rm removes it", path);
    *ret_fd = scope_keep(&fd);
    return true;
}

bool netns_delete(const char *name, struct failure *f)
{
    if (!name_is_sound(name, f))
        return false;
    char path[PATH_MAX];
    path_of(name, path);
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return fail_errno(f, errno, "cannot unmount %s", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail_errno(f, errno, "cannot remove %s", path);
    return true;
}

bool netns_exists(const char *name)
{
    int fd = -1;
    if (!netns_open(name, &fd, NULL))
        return false;
    (void)close(fd);
    return true;
}

bool netns_name_is_taken(const char *name)
{
    char path[PATH_MAX];
    struct stat there;
    path_of(name, path);
    return lstat(path, &there) == 0;
}

bool netns_is_at(int fd, const char *name_or_path)
{
    int there_fd = -1;
    if (!netns_open(name_or_path, &there_fd, NULL))
        return false;
    SCOPED_FD there = there_fd;
    struct stat own, found;
    return fstat(fd, &own) == 0 && fstat(there, &found) == 0 && own.st_ino == found.st_ino && own.st_dev == found.st_dev;
}

bool netns_inode(uint64_t *ret, struct failure *f)
{
    struct stat own;
    if (stat(OWN_NAMESPACE, &own))
        return fail_errno(f, errno, "cannot look at " OWN_NAMESPACE " (is /proc mounted?)");
    *ret = own.st_ino;
    return true;
}

static bool directory_has(const char *directory, const char *behind, uint64_t inode)
{
    DIR *d = opendir(directory);
    bool has = false;
    for (struct dirent *e; d && !has && (e = readdir(d));) {
        char path[512];
        struct stat there;
        (void)snprintf(path, sizeof path, "%s/%.200s%s", directory, e->d_name, behind);
        has = e->d_name[0] != '.' && stat(path, &there) == 0 && S_ISREG(there.st_mode) && there.st_ino == inode;
    }
    if (d)
        closedir(d);
    return has;
}

bool netns_lives(uint64_t inode)
{
    return directory_has("/proc", "/ns/net", inode) || directory_has(NETNS_DIRECTORY, "", inode);
}

bool netns_enter(int fd, struct failure *f)
{
    if (setns(fd, CLONE_NEWNET) < 0)
        return fail_errno(f, errno, "cannot enter the network namespace");
    return true;
}

bool netns_run_in(int fd, bool (*visit)(void *argument, struct failure *f), void *argument, struct failure *f)
{
    SCOPED_FD home = -1;
    if (!netns_open_own(&home, f) || !netns_enter(fd, f))
        return false;
    bool done = visit(argument, f);
    home_return(home);
    return done;
}

struct socket_wish {
    int domain, type, protocol;
    int result;
};

static bool socket_open(void *argument, struct failure *f)
{
    struct socket_wish *wish = argument;
    wish->result = socket(wish->domain, wish->type | SOCK_CLOEXEC, wish->protocol);
    if (wish->result < 0)
        return fail_errno(f, errno, "cannot open a socket in the network namespace");
    return true;
}

bool netns_socket(int fd, int domain, int type, int protocol, int *ret_socket, struct failure *f)
{
    struct socket_wish wish = {.domain = domain, .type = type, .protocol = protocol, .result = -1};
    if (!netns_run_in(fd, socket_open, &wish, f))
        return false;
    *ret_socket = wish.result;
    return true;
}

/* /proc/sys/net shows the namespace of the task that looks, not of the one that mounted /proc. */
static bool sysctl_write(const struct sysctl *setting, struct failure *f)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "/proc/sys/%s", setting->name);
    SCOPED_FD file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT && setting->optional)
        return true;
    if (file < 0)
        return fail_errno(f, errno, "cannot open %s", path);
    size_t length = strlen(setting->value);
    ssize_t written = write(file, setting->value, length);
    if (written < 0 || (size_t)written != length)
        return fail_errno(f, errno, "cannot set %s to %s", path, setting->value);
    return true;
}

struct sysctl_list {
    const struct sysctl *settings;
    unsigned count;
};

static bool sysctls_write(void *argument, struct failure *f)
{
    const struct sysctl_list *list = argument;
    for (unsigned i = 0; i < list->count; i++)
        if (!sysctl_write(&list->settings[i], f))
            return false;
    return true;
}

bool netns_sysctls(int fd, const struct sysctl *settings, unsigned count, struct failure *f)
{
    struct sysctl_list list = {.settings = settings, .count = count};
    return netns_run_in(fd, sysctls_write, &list, f);
}

bool netns_sysctl(int fd, const char *name, const char *value, struct failure *f)
{
    struct sysctl setting = {.name = name, .value = value};
    return netns_sysctls(fd, &setting, 1, f);
}
