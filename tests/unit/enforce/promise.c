/* SPDX-License-Identifier: Apache-2.0 */
#include "promise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct promise_secret promise_secrets[] = {
    {"/root", true},
    {"/home", true},
    {"/boot", true},
    {"/etc/shadow", false},
    {"/etc/shadow-", false},
    {"/etc/gshadow", false},
    {"/etc/gshadow-", false},
    {"/etc/ssh", true},
    {"/etc/ssl/private", true},
    {"/etc/sudoers", false},
    {"/etc/sudoers.d", true},
    {"/etc/bulkhead", true},
    {"/etc/wireguard", true},
    {"/etc/letsencrypt", true},
    {"/etc/krb5.keytab", false},
    {"/var/lib/bulkhead", true},
    {"/var/backups", true},
    {NULL, false},
};

const char *const promise_read_only[] = {
    "/proc/sys", "/proc/sysrq-trigger", "/proc/bus", "/proc/irq", "/proc/fs", "/proc/mtrr", "/proc/driver",
    "/proc/dynamic_debug", "/proc/pressure", NULL,
};

const char *const promise_masked[] = {
    "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug",
    "/proc/kmsg", "/proc/kallsyms", "/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/proc/vmallocinfo",
    "/proc/slabinfo", "/proc/iomem", "/proc/ioports", "/proc/acpi", "/proc/scsi", "/proc/asound", "/proc/interrupts",
    "/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/sys/fs/bpf", "/sys/fs/cgroup",
    "/sys/kernel/vmcoreinfo", "/sys/kernel/notes", "/sys/devices/virtual/powercap", NULL,
};

const struct promise_filesystem promise_filesystems[] = {
    {"overlay", "lowerdir=/etc:/usr", NULL},
    {"proc", "", NULL},
    {"sysfs", "", NULL},
    {"cgroup2", "", NULL},
    {"devpts", "", NULL},
    {"devtmpfs", "", NULL},
    {"debugfs", "", NULL},
    {"tracefs", "", NULL},
    {"bpf", "", NULL},
    {"securityfs", "", NULL},
    {"pstore", "", NULL},
    {"configfs", "", NULL},
    {"mqueue", "", NULL},
    {"hugetlbfs", "", NULL},
    {"binfmt_misc", "", NULL},
    {"fusectl", "", NULL},
    {"efivarfs", "", NULL},
    {"rpc_pipefs", "", NULL},
    {"selinuxfs", "", NULL},
    {"smackfs", "", NULL},
    {"cgroup", NULL, "another hierarchy would stay behind"},
    {"nfsd", NULL, "it may start a server"},
    {"resctrl", NULL, "it changes how the processor shares its caches"},
    {"autofs", NULL, "it needs a daemon"},
    {"fuse.lxcfs", NULL, "it needs a daemon"},
    {"fuse.portal", NULL, "it needs a daemon"},
    {"nsfs", NULL, "nsenter_finds_nothing tries it"},
    {NULL, NULL, NULL},
};

#define CALL(name) {#name, SYS_##name}

const struct promise_number promise_calls[] = {
    CALL(mount), CALL(umount2), CALL(move_mount), CALL(open_tree), CALL(fsopen), CALL(fsconfig), CALL(fsmount), CALL(fspick),
    CALL(mount_setattr), CALL(pivot_root), CALL(chroot), CALL(setns), CALL(unshare), CALL(swapon), CALL(swapoff), CALL(bpf),
    CALL(perf_event_open), CALL(kexec_load), CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(reboot),
    CALL(acct), CALL(syslog), CALL(nfsservctl), CALL(lookup_dcookie), CALL(vhangup), CALL(keyctl), CALL(add_key),
    CALL(request_key), CALL(open_by_handle_at), CALL(name_to_handle_at), CALL(quotactl), CALL(quotactl_fd),
    CALL(fanotify_init), CALL(userfaultfd), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
    CALL(settimeofday), CALL(clock_settime), CALL(sethostname), CALL(setdomainname),
#ifdef SYS_kexec_file_load
    CALL(kexec_file_load),
#endif
#ifdef __x86_64__
    CALL(create_module), CALL(query_module), CALL(get_kernel_syms), CALL(_sysctl), CALL(uselib), CALL(modify_ldt), CALL(iopl),
    CALL(ioperm),
#endif
    {NULL, 0},
};

const struct promise_number promise_ioctls[] = {
    {"TIOCSTI", TIOCSTI}, {"TIOCLINUX", 0x541C}, {"TIOCSETD", TIOCSETD}, {"TIOCCONS", TIOCCONS}, {NULL, 0},
};

#define FLAG(name) {#name, name}

const struct promise_number promise_clone_flags[] = {
    FLAG(CLONE_NEWNS), FLAG(CLONE_NEWCGROUP), FLAG(CLONE_NEWUTS), FLAG(CLONE_NEWIPC),
    FLAG(CLONE_NEWUSER), FLAG(CLONE_NEWPID), FLAG(CLONE_NEWNET), {NULL, 0},
};

/* ---- looking ---- */

static bool is_empty_directory(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count <= 2; /* . and .. */
}

bool promise_shows_nothing(const char *path)
{
    struct stat there;
    if (stat(path, &there) < 0)
        return true;
    if (S_ISDIR(there.st_mode))
        return is_empty_directory(path);
    char byte;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool nothing = file < 0 || read(file, &byte, 1) <= 0;
    if (file >= 0)
        close(file);
    return nothing;
}

/* ---- making what a host lacks ---- */

static bool said(bool done, const char *what)
{
    if (!done)
        fprintf(stderr, "cannot make %s: %s\n", what, strerror(errno));
    return done;
}

/* All directories on the way to the path, and it too when `whole`. Those that are there stay as they are. */
static bool way_make(const char *path, bool whole)
{
    char part[PATH_MAX];
    for (const char *end = path + 1; *end; end++) {
        if (end[1] != '/' && (end[1] || !whole))
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(end + 1 - path), path);
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return said(false, part);
    }
    return true;
}

static bool secret_write(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = file >= 0 && write(file, "secret\n", 7) == 7;
    if (file >= 0)
        close(file);
    return said(done, path);
}

/* A directory of the host's root becomes one of this test's own; what lies below /etc and /var is in its copies. */
static bool secret_make(const struct promise_secret *secret)
{
    char inside[PATH_MAX];
    snprintf(inside, sizeof inside, "%s/secret", secret->path);
    bool own = strncmp(secret->path, "/etc/", 5) == 0 || strncmp(secret->path, "/var/", 5) == 0;
    if (!own && !said(mount("bulkhead-test", secret->path, "tmpfs", 0, NULL) == 0, secret->path))
        return false;
    return way_make(secret->path, secret->directory) && secret_write(secret->directory ? inside : secret->path) &&
           (!promise_shows_nothing(secret->path) || said(false, "what can be seen from outside"));
}

static bool kernel_has(const char *kind)
{
    char line[128];
    bool found = false;
    FILE *list = fopen("/proc/filesystems", "re");
    while (list && !found && fgets(line, sizeof line, list)) {
        const char *name = strchr(line, '\t');
        line[strcspn(line, "\n")] = '\0';
        found = name && strcmp(name + 1, kind) == 0;
    }
    if (list)
        fclose(list);
    return found;
}

static bool kind_make(const struct promise_filesystem *filesystem)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, PROMISE_KINDS "/%s", filesystem->kind);
    if (!filesystem->options || !kernel_has(filesystem->kind)) {
        printf("# not tried: %s: %s\n", filesystem->kind, filesystem->untried ? filesystem->untried : "this kernel has none");
        return true;
    }
    return said(mkdir(path, 0755) == 0 && mount("bulkhead-test", path, filesystem->kind, MS_RDONLY, filesystem->options) == 0, path);
}

/* An empty /var, with `kept` in it as it was. */
static bool var_replace(const char *kept)
{
    char old[64];
    int directory = open(kept, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(old, sizeof old, "/proc/self/fd/%d", directory);
    bool done = said(directory >= 0 && mount("bulkhead-test", "/var", "tmpfs", 0, "mode=755") == 0, "a /var") && way_make(kept, true) &&
                said(mount(old, kept, NULL, MS_BIND, NULL) == 0, kept);
    if (directory >= 0)
        close(directory);
    return done;
}

static bool etc_replace(void)
{
    return said(mkdir("/var/etc", 0755) == 0 && system("cp -a /etc/. /var/etc/") == 0 &&
                    mount("/var/etc", "/etc", NULL, MS_BIND, NULL) == 0, "a copy of /etc");
}

bool promise_stage(const char *kept)
{
    if (!said(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "a mount namespace") ||
        !var_replace(kept) || !etc_replace() || !said(mkdir(PROMISE_KINDS, 0755) == 0, PROMISE_KINDS))
        return false;
    for (const struct promise_secret *secret = promise_secrets; secret->path; secret++)
        if (!secret_make(secret))
            return false;
    for (const struct promise_filesystem *filesystem = promise_filesystems; filesystem->kind; filesystem++)
        if (!kind_make(filesystem))
            return false;
    return true;
}
