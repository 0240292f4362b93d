/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "enforce/hosttree.h"
#include "enforce/resolver.h"
#include "enforce/scope.h"

/* Where this process builds: on the host's own tree but in its own mount namespace, so that nobody sees it. */
#define WORKSHOP "/tmp"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- small steps ---- */

static bool filesystem_mount(const char *kind, const char *target, unsigned long flags, const char *options,
                             struct failure *f)
{
    if (mount(kind, target, kind, flags, options) < 0)
        return fail_errno(f, errno, "cannot mount a %s on %s in the workload's tree", kind, target);
    return true;
}

static bool set_attributes(int tree, uint64_t attributes, const char *path, struct failure *f)
{
    struct mount_attr wish = {.attr_set = attributes};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wish, sizeof wish) < 0)
        return fail_needing(f, errno, "Linux 5.12 or newer", "cannot make %s read-only", path);
    return true;
}

/* A detached copy of the mount at `path` with the attributes. *ret_tree is -1 when there is no such path. */
static bool tree_clone(const char *path, uint64_t attributes, int *ret_tree, struct failure *f)
{
    SCOPED_FD tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    *ret_tree = -1;
    if (tree < 0 && errno == ENOENT)
        return true;
    if (tree < 0)
        return fail_errno(f, errno, "cannot take a copy of the mount at %s", path);
    if (!set_attributes(tree, attributes, path, f))
        return false;
    *ret_tree = scope_keep(&tree);
    return true;
}

static bool tree_attach(int tree, const char *path, struct failure *f)
{
    if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail_errno(f, errno, "cannot attach a mount at %s in the workload's tree", path);
    return true;
}

/* Lays `source` over `path` read-only. A path that this kernel does not have needs no cover. */
static bool cover(const char *source, const char *path, struct failure *f)
{
    struct stat there;
    if (lstat(path, &there) < 0)
        return errno == ENOENT ? true : fail_errno(f, errno, "cannot look at %s in the workload's tree", path);
    SCOPED_FD tree = -1;
    if (!tree_clone(source, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &tree, f))
        return false;
    if (tree < 0)
        return fail(f, "%s vanished while the workload's tree was built", source);
    return tree_attach(tree, path, f);
}

static bool file_write(const char *path, const char *text, mode_t mode, struct failure *f)
{
    SCOPED_FD file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    size_t length = strlen(text);
    if (file < 0)
        return fail_errno(f, errno, "cannot make %s in the workload's tree", path);
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written < 0)
            return fail_errno(f, errno, "cannot write %s in the workload's tree", path);
        text += written;
        length -= (size_t)written;
    }
    return true;
}

static bool directory_make(const char *path, mode_t mode, struct failure *f)
{
    if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
        return fail_errno(f, errno, "cannot make the directory %s in the workload's tree", path);
    return true;
}

/* ---- devices ---- */

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};

struct device_trees {
    int fds[COUNT(devices)];
};

static void device_trees_close(struct device_trees *trees)
{
    for (size_t i = 0; i < COUNT(devices); i++)
        scope_close(&trees->fds[i]);
}

/* Read-only, so that the host's node cannot be given another mode or owner; writing to the device is not
 * affected by that. */
static bool devices_take(struct device_trees *ret_trees, struct failure *f)
{
    for (size_t i = 0; i < COUNT(devices); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/dev/%s", devices[i]);
        if (!tree_clone(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &ret_trees->fds[i], f))
            return false;
    }
    return true;
}

static bool dev_links(struct failure *f)
{
    static const struct {
        const char *target, *path;
    } links[] = {{"/proc/self/fd", "/dev/fd"},     {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"},
                 {"/proc/self/fd/2", "/dev/stderr"}, {"pts/ptmx", "/dev/ptmx"}};
    for (size_t i = 0; i < COUNT(links); i++)
        if (symlink(links[i].target, links[i].path) < 0)
            return fail_errno(f, errno, "cannot make the link %s in the workload's tree", links[i].path);
    return true;
}

static bool dev_build(const struct device_trees *trees, struct failure *f)
{
    if (!filesystem_mount("tmpfs", "/dev", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755", f))
        return false;
    for (size_t i = 0; i < COUNT(devices); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/dev/%s", devices[i]);
        if (trees->fds[i] >= 0 && (!file_write(path, "", 0666, f) || !tree_attach(trees->fds[i], path, f)))
            return false;
    }
    /* gid 5 is `tty` on every Linux distribution; grantpt(3) relies on it. */
    if (!dev_links(f) || !directory_make("/dev/pts", 0755, f) || !directory_make("/dev/shm", 01777, f) ||
        !filesystem_mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", f) ||
        !filesystem_mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", f))
        return false;
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/dev", 0, &read_only, sizeof read_only) < 0)
        return fail_errno(f, errno, "cannot make /dev read-only in the workload's tree");
    return true;
}

/* ---- /proc and /sys ---- */

/* Writable by uid 0 without any capability, and about the whole machine. */
const char *const mounts_read_only[] = {
    "/proc/sys", "/proc/sysrq-trigger", "/proc/bus",  "/proc/irq",     "/proc/fs",
    "/proc/mtrr", "/proc/driver",       "/proc/dynamic_debug", "/proc/pressure", NULL,
};

/* Readable, and about the machine's memory, keys or other workloads. */
const char *const mounts_masked[] = {
    "/proc/kcore",      "/proc/keys",         "/proc/key-users",  "/proc/timer_list",  "/proc/latency_stats",
    "/proc/sched_debug", "/proc/kmsg",        "/proc/kallsyms",   "/proc/kpagecount",  "/proc/kpageflags",
    "/proc/kpagecgroup", "/proc/vmallocinfo", "/proc/slabinfo",   "/proc/iomem",       "/proc/ioports",
    "/proc/acpi",       "/proc/scsi",         "/proc/asound",     "/proc/interrupts",  "/sys/firmware",
    "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/sys/fs/bpf", "/sys/fs/cgroup",
    "/sys/kernel/vmcoreinfo", "/sys/kernel/notes", "/sys/devices/virtual/powercap", NULL,
};

/* The host's secrets: reading them would be half of the way out. /home whole, as /root: keys of users lie in more places
 * than a list could name, and homes are made while a workload runs. SECURITY.md has the list too. */
const char *const mounts_secret[] = {
    "/root",          "/home",            "/etc/shadow",      "/etc/shadow-",     "/etc/gshadow",    "/etc/gshadow-", "/etc/ssl/private",
    "/etc/ssh",       "/etc/sudoers",     "/etc/sudoers.d",   "/etc/bulkhead",   "/etc/wireguard", "/etc/letsencrypt",
    "/etc/krb5.keytab", "/var/lib/bulkhead", "/var/backups",  "/boot",
    NULL,
};

static bool kernel_views_mount(struct failure *f)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (!filesystem_mount("proc", "/proc", flags, NULL, f) ||
        !filesystem_mount("sysfs", "/sys", flags | MS_RDONLY, NULL, f))
        return false;
    for (size_t i = 0; mounts_read_only[i]; i++)
        if (!cover(mounts_read_only[i], mounts_read_only[i], f))
            return false;
    return true;
}

/* What a link leads to is covered, not the link: /home is one on some systems. */
static bool mask(const char *const *paths, struct failure *f)
{
    for (size_t i = 0; paths[i]; i++) {
        struct stat there;
        SCOPED_MEMORY char *real = realpath(paths[i], NULL);
        if (!real || stat(real, &there) < 0)
            continue;
        if (!cover(S_ISDIR(there.st_mode) ? WORKSHOP "/empty" : "/dev/null", real, f))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

/* A tmpfs that holds what is bound elsewhere; it goes when the building is over, what is bound stays. */
static bool workshop_open(struct failure *f)
{
    return filesystem_mount("tmpfs", WORKSHOP, MS_NOSUID | MS_NODEV, "mode=700", f) &&
           directory_make(WORKSHOP "/empty", 0555, f) && directory_make(WORKSHOP "/root", 0755, f);
}

static bool workshop_close(struct failure *f)
{
    if (umount2(WORKSHOP, MNT_DETACH) < 0)
        return fail_errno(f, errno, "cannot unmount what the workload's tree was built with");
    return true;
}

/* The old root ends up stacked on the new one, where "." still names it, and is let go (pivot_root(2)). */
static bool root_change(const char *new_root, struct failure *f)
{
    if (chdir(new_root) < 0)
        return fail_errno(f, errno, "cannot enter the workload's tree");
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return fail_errno(f, errno, "cannot change to the workload's tree (a root in an initramfs cannot be left)");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return fail_errno(f, errno, "cannot let go of the host's tree");
    return true;
}

static bool private_mount(const char *path, const char *options, struct failure *f)
{
    struct stat there;
    if (stat(path, &there) < 0 && errno == ENOENT)
        return true;
    return filesystem_mount("tmpfs", path, MS_NOSUID | MS_NODEV, options, f);
}

static bool hosts_place(const char *hosts, struct failure *f)
{
    if (!hosts)
        return true;
    struct stat there;
    if (stat("/etc/hosts", &there) < 0)
        return fail_errno(f, errno, "there is no /etc/hosts to lay the workload's own over; make an empty one");
    return file_write(WORKSHOP "/hosts", hosts, 0644, f) && cover(WORKSHOP "/hosts", "/etc/hosts", f);
}

static bool tree_fill(const char *hosts, const struct resolver *resolver, const struct device_trees *trees,
                      struct failure *f)
{
    return workshop_open(f) && dev_build(trees, f) && kernel_views_mount(f) && mask(mounts_masked, f) &&
           mask(mounts_secret, f) &&
           hosts_place(hosts, f) && workshop_close(f) && private_mount("/tmp", "mode=1777", f) &&
           private_mount("/run", "mode=755", f) && private_mount("/var/tmp", "mode=1777", f) &&
           directory_make("/run/lock", 01777, f) &&
           resolver_place(resolver, f);
}

bool mounts_build(const char *hosts, const struct hosttree_silent *silent, struct failure *f)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail_errno(f, errno, "cannot make the workload's mounts its own (in a chroot, / must be a mount: mount --bind it first)");
    __attribute__((cleanup(device_trees_close))) struct device_trees trees = {{-1, -1, -1, -1, -1, -1}};
    __attribute__((cleanup(hosttree_close))) struct hosttree tree = {0};
    SCOPED_MEMORY struct resolver *resolver = malloc(sizeof *resolver);
    if (!resolver)
        return fail(f, "cannot build the workload's tree: out of memory");
    resolver_read(resolver);
    return devices_take(&trees, f) && workshop_open(f) && hosttree_take(WORKSHOP "/empty", silent, &tree, f) &&
           hosttree_attach_root(&tree, WORKSHOP "/root", f) && root_change(WORKSHOP "/root", f) &&
           hosttree_attach_rest(&tree, f) && tree_fill(hosts, resolver, &trees, f);
}
