/* SPDX-License-Identifier: Apache-2.0 */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/ethernet.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promise.h"

/* ---- judging ---- */

/* The call must have failed, with this errno. */
static int refused_with(long result, int expected)
{
    int error = errno;
    if (result >= 0)
        return -1;
    if (error == expected)
        return 0;
    fprintf(stderr, "refused with '%s' instead of '%s'\n", strerror(error), strerror(expected));
    return error;
}

static int cannot_open(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd < 0)
        return 0;
    fprintf(stderr, "%s could be opened\n", path);
    return -1;
}

static int cannot_write(const char *path)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return 0;
    if (write(fd, "1", 1) < 0)
        return 0;
    fprintf(stderr, "%s could be written\n", path);
    return -1;
}

static int first_wrong(const int *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (results[i])
            return results[i];
    return 0;
}

#define ALL(...) first_wrong((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
#define EPERM_FROM(...) refused_with(syscall(__VA_ARGS__), EPERM)

static const char *in_directory(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", getenv(ATTACK_DIRECTORY), name);
    return path;
}

static pid_t host_pid(void)
{
    return (pid_t)strtol(getenv(ATTACK_HOST_PID), NULL, 10);
}

/* ---- files ---- */

static int core_pattern(void)
{
    return ALL(cannot_write("/proc/sys/kernel/core_pattern"), cannot_write("/proc/sys/kernel/modprobe"),
               cannot_write("/proc/sys/vm/overcommit_memory"), cannot_write("/proc/sys/net/ipv4/ip_forward"));
}

static int host_files(void)
{
    return ALL(cannot_open("/etc/attack", O_WRONLY | O_CREAT), cannot_open("/usr/attack", O_WRONLY | O_CREAT),
               cannot_open("/srv/attack", O_WRONLY | O_CREAT), cannot_open("/attack", O_WRONLY | O_CREAT),
               cannot_open(in_directory("attack"), O_WRONLY | O_CREAT), cannot_open("/etc/passwd", O_WRONLY),
               cannot_open("/etc/hosts", O_WRONLY), refused_with(chmod("/etc/passwd", 0666), EROFS),
               refused_with(chown("/etc/passwd", 1, 1), EROFS), refused_with(unlink("/etc/passwd"), EROFS));
}

static int host_secrets(void)
{
    int wrong = 0;
    for (const struct promise_secret *secret = promise_secrets; secret->path; secret++)
        if (!promise_shows_nothing(secret->path)) {
            fprintf(stderr, "%s can be read\n", secret->path);
            wrong = -1;
        }
    return wrong;
}

/* What the host has mounted there is not mounted here: the folder is its parent's own, and empty. */
static int host_filesystems(void)
{
    int wrong = 0;
    struct stat parent, there;
    if (stat(PROMISE_KINDS, &parent) < 0)
        return errno;
    for (const struct promise_filesystem *filesystem = promise_filesystems; filesystem->kind; filesystem++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, PROMISE_KINDS "/%s", filesystem->kind);
        if (stat(path, &there) == 0 && (there.st_dev != parent.st_dev || !promise_shows_nothing(path))) {
            fprintf(stderr, "%s shows a %s of the host\n", path, filesystem->kind);
            wrong = -1;
        }
    }
    return wrong;
}

static int device_nodes(void)
{
    return ALL(refused_with(mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)), EPERM),
               refused_with(mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)), EPERM),
               cannot_open("/dev/mem", O_RDONLY), cannot_open("/dev/kmsg", O_RDONLY), cannot_open("/dev/vda", O_RDONLY),
               cannot_open("/dev/sda", O_RDONLY), cannot_open("/dev/kvm", O_RDONLY), cannot_open("/dev/fuse", O_RDWR),
               cannot_open("/dev/attack", O_WRONLY | O_CREAT), refused_with(chmod("/dev/null", 0), EROFS),
               refused_with(chown("/dev/null", 1, 1), EROFS));
}

static int standard_null(void)
{
    return ALL(refused_with(fchmod(STDIN_FILENO, 0), EROFS), refused_with(fchown(STDIN_FILENO, 1, 1), EROFS));
}

/* The standard input is a file of the host, opened to be read. */
static int standard_file(void)
{
    char byte;
    return ALL(cannot_open("/proc/self/fd/0", O_RDWR), cannot_open("/dev/stdin", O_WRONLY | O_TRUNC),
               refused_with(fchmod(STDIN_FILENO, 0), EROFS), refused_with(fchown(STDIN_FILENO, 1, 1), EROFS),
               read(STDIN_FILENO, &byte, 1) == 1 && byte == 'b' ? 0 : -1);
}

/* Something else lies over what the kernel shows there, with nothing in it. What this kernel lacks needs no cover. */
static int masked(void)
{
    int wrong = 0;
    struct stat top[2], there;
    if (stat("/proc", &top[0]) < 0 || stat("/sys", &top[1]) < 0)
        return errno;
    for (const char *const *path = promise_masked; *path; path++)
        if (lstat(*path, &there) == 0 &&
            (there.st_dev == top[0].st_dev || there.st_dev == top[1].st_dev || !promise_shows_nothing(*path))) {
            fprintf(stderr, "%s is not masked\n", *path);
            wrong = -1;
        }
    return wrong;
}

static int opens_for_writing(const char *path, const struct stat *there, int kind, struct FTW *position)
{
    (void)there;
    (void)position;
    int file = kind == FTW_F ? open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW) : -1;
    if (file < 0)
        return 0;
    fprintf(stderr, "%s can be opened to be written\n", path);
    return -1;
}

static int read_only(void)
{
    int wrong = 0;
    struct statvfs there;
    for (const char *const *path = promise_read_only; *path; path++) {
        if (statvfs(*path, &there) < 0)
            continue;
        if (!(there.f_flag & ST_RDONLY)) {
            fprintf(stderr, "%s is not read-only\n", *path);
            wrong = -1;
        }
        wrong = nftw(*path, opens_for_writing, 16, FTW_PHYS) ? -1 : wrong;
    }
    return wrong;
}

static int kernel_views(void)
{
    return ALL(cannot_write("/proc/sysrq-trigger"), cannot_write("/sys/kernel/mm/transparent_hugepage/enabled"),
               cannot_write("/sys/kernel/uevent_helper"), cannot_write("/sys/module/overlay/parameters/redirect_dir"),
               cannot_write("/sys/power/state"), cannot_open("/sys/fs/bpf/x", O_WRONLY | O_CREAT),
               cannot_open("/sys/kernel/tracing/trace", O_RDONLY), cannot_open("/sys/fs/cgroup/cgroup.procs", O_RDONLY));
}

static int set_uid_files(void)
{
    int fd = open("/tmp/program", O_WRONLY | O_CREAT, 0700);
    return ALL(EPERM_FROM(SYS_fchmod, fd, 04755), EPERM_FROM(SYS_fchmod, fd, 02755),
#ifdef SYS_chmod
               EPERM_FROM(SYS_chmod, "/tmp/program", 04755), EPERM_FROM(SYS_chmod, "/tmp/program", 02755),
#endif
               EPERM_FROM(SYS_fchmodat, AT_FDCWD, "/tmp/program", 04755), EPERM_FROM(SYS_fchmodat, AT_FDCWD, "/tmp/program", 02755));
}

/* ---- sockets and pipes of the host ---- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int host_sockets(void)
{
    return ALL(refused_with(connect_to(in_directory("socket")), ECONNREFUSED),
               refused_with(connect_to(getenv(ATTACK_TMP_SOCKET)), ENOENT));
}

/* The host makes "later" 0.3 s after the start. Not looked at before: an overlay remembers what was missing. */
static int later_socket(void)
{
    usleep(1000000);
    return refused_with(connect_to(in_directory("later")), ECONNREFUSED);
}

static int host_fifo(void)
{
    return refused_with(open(in_directory("fifo"), O_WRONLY | O_NONBLOCK), ENXIO);
}

/* ---- namespaces and mounts ---- */

static int namespaces(void)
{
    int own = open("/proc/self/ns/net", O_RDONLY);
    return ALL(EPERM_FROM(SYS_unshare, CLONE_NEWUSER), EPERM_FROM(SYS_unshare, CLONE_NEWNS),
               EPERM_FROM(SYS_unshare, CLONE_NEWNET), EPERM_FROM(SYS_setns, own, 0),
               EPERM_FROM(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
               EPERM_FROM(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0),
               refused_with(syscall(SYS_clone3, NULL, 0), ENOSYS));
}

static int nsenter(void)
{
    return ALL(cannot_open("/proc/1/ns/net", O_RDONLY), cannot_open("/proc/1/ns/mnt", O_RDONLY),
               cannot_open("/run/netns", O_RDONLY));
}

static int mounts(void)
{
    return ALL(EPERM_FROM(SYS_mount, "x", "/tmp", "tmpfs", 0, NULL),
               EPERM_FROM(SYS_mount, "", "/", "", MS_REMOUNT | MS_BIND, NULL), EPERM_FROM(SYS_umount2, "/proc/sys", MNT_DETACH),
               EPERM_FROM(SYS_umount2, "/etc/hosts", MNT_DETACH), EPERM_FROM(SYS_fsopen, "tmpfs", 0),
               EPERM_FROM(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE),
               EPERM_FROM(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/run", 0),
               EPERM_FROM(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0), EPERM_FROM(SYS_pivot_root, ".", "."),
               EPERM_FROM(SYS_fspick, AT_FDCWD, "/", 0));
}

static int chroot_escape(void)
{
    (void)mkdir("/tmp/jail", 0700);
    return EPERM_FROM(SYS_chroot, "/tmp/jail");
}

/* "/" is the end, however many "..", and what lies there is the overlay and not the host's device. */
static int root_is_the_end(void)
{
    struct stat root, above;
    (void)stat("/", &root);
    (void)stat("/../../../../..", &above);
    struct stat outside;
    (void)stat("/proc/self/cwd/../../..", &outside);
    return root.st_ino == above.st_ino && root.st_dev == above.st_dev && outside.st_dev == root.st_dev ? 0 : -1;
}

/* ---- the kernel ---- */

/* With arguments that no kernel does anything with, should the filter let the call through. */
static int refused_calls(void)
{
    int wrong = 0;
    for (const struct promise_number *call = promise_calls; call->name; call++)
        if (EPERM_FROM((long)call->number, -1L, -1L, -1L, -1L, -1L, -1L)) {
            fprintf(stderr, "%s is not refused\n", call->name);
            wrong = -1;
        }
    return wrong;
}

/* CLONE_SIGHAND without CLONE_VM is EINVAL for the kernel, and descriptor -1 EBADF: only a filter says EPERM. */
static int refused_flags(void)
{
    int wrong = 0;
    for (const struct promise_number *flag = promise_clone_flags; flag->name; flag++)
        if (EPERM_FROM(SYS_clone, flag->number | CLONE_SIGHAND, 0, 0, 0, 0)) {
            fprintf(stderr, "clone with %s is not refused\n", flag->name);
            wrong = -1;
        }
    for (const struct promise_number *request = promise_ioctls; request->name; request++)
        if (EPERM_FROM(SYS_ioctl, -1, request->number, "x") ||
            EPERM_FROM(SYS_ioctl, -1, 0xdeadbeef00000000UL | request->number, "x")) {
            fprintf(stderr, "ioctl %s is not refused\n", request->name);
            wrong = -1;
        }
    return wrong;
}

static int unknown_calls(void)
{
    return ALL(refused_with(syscall(467), ENOSYS), refused_with(syscall(470), ENOSYS), refused_with(syscall(900), ENOSYS),
               refused_with(syscall(452, AT_FDCWD, "/tmp", 04755, 0), ENOSYS));
}

static int socket_refused(int family, int type, int protocol)
{
    return refused_with(socket(family, type, protocol), EPERM);
}

static int socket_families(void)
{
    for (int family = 0; family < 300; family++) {
        bool allowed = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK || family == AF_PACKET;
        if (!allowed && socket_refused(family, SOCK_RAW, 0)) {
            fprintf(stderr, "a socket of family %d is not refused\n", family);
            return -1;
        }
    }
    for (int protocol = 1; protocol < 32; protocol++)
        if (socket_refused(AF_NETLINK, SOCK_RAW, protocol))
            return -1;
    return ALL(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) < 0 ? errno : 0, socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0,
               socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) < 0 ? errno : 0, socket(AF_INET6, SOCK_STREAM, 0) < 0 ? errno : 0);
}

static int terminal_input(void)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (master < 0)
        return errno;
    int wrong = 0;
    for (const struct promise_number *request = promise_ioctls; request->name; request++)
        wrong = EPERM_FROM(SYS_ioctl, master, request->number, "x") ? -1 : wrong;
    return wrong;
}

static int foreign_abi(void)
{
#ifdef __x86_64__
    pid_t child = fork();
    if (child == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid of i386 */
        _exit(0);
    }
    int status;
    (void)waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
        return -1;
    child = fork();
    if (child == 0)
        _exit(syscall(0x40000000 + 39) >= 0 ? 0 : 1); /* getpid of x32 */
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? -1 : 0;
#else
    return 0;
#endif
}

/* ---- processes ---- */

static int host_processes(void)
{
    char path[64];
    struct stat there;
    snprintf(path, sizeof path, "/proc/%d", host_pid());
    return ALL(refused_with(kill(host_pid(), SIGKILL), ESRCH), refused_with(kill(host_pid(), 0), ESRCH),
               refused_with(ptrace(PTRACE_ATTACH, host_pid(), NULL, NULL), ESRCH), refused_with(stat(path, &there), ENOENT));
}

static int init_is_opaque(void)
{
    char target[PATH_MAX];
    return ALL(refused_with(ptrace(PTRACE_ATTACH, 1, NULL, NULL), EPERM), cannot_open("/proc/1/mem", O_RDWR),
               cannot_open("/proc/1/exe", O_RDONLY), cannot_open("/proc/1/root/etc/passwd", O_RDONLY),
               cannot_open("/proc/1/fd/0", O_RDONLY), cannot_open("/proc/1/cwd", O_RDONLY),
               refused_with(readlink("/proc/1/exe", target, sizeof target), EACCES));
}

static int group_is_own(void)
{
    /* Ends this group, and would end the host's test if the group were shared. */
    pid_t child = fork();
    if (child == 0) {
        (void)kill(0, SIGTERM);
        _exit(1);
    }
    pause();
    return -1;
}

static int capabilities(void)
{
    char line[256];
    int right = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "CapBnd:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0)
            right += strtoull(line + 8, NULL, 16) == 0x24fb;
        if (strncmp(line, "CapInh:", 7) == 0 || strncmp(line, "CapAmb:", 7) == 0)
            right += strtoull(line + 8, NULL, 16) == 0;
        if (strncmp(line, "NoNewPrivs:", 11) == 0)
            right += strtol(line + 12, NULL, 10) == 1;
    }
    return right == 6 ? 0 : -1;
}

static int core_dumps(void)
{
    struct rlimit limit, more = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 1)
        return -1;
    return refused_with(setrlimit(RLIMIT_CORE, &more), EPERM);
}

static int only_standard_files(void)
{
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            fprintf(stderr, "descriptor %d is open\n", fd);
            return -1;
        }
    return 0;
}

/* An orphan's end must be seen by init: its number vanishes from /proc. */
static int orphans_are_reaped(void)
{
    int ends[2];
    pid_t orphan = 0;
    if (pipe(ends) < 0)
        return errno;
    pid_t middle = fork();
    if (middle == 0) {
        pid_t inner = fork();
        if (inner == 0)
            _exit(0);
        _exit(write(ends[1], &inner, sizeof inner) == sizeof inner ? 0 : 1);
    }
    (void)waitpid(middle, NULL, 0);
    if (read(ends[0], &orphan, sizeof orphan) != sizeof orphan)
        return EIO;
    for (int i = 0; i < 200; i++) {
        if (kill(orphan, 0) < 0 && errno == ESRCH)
            return 0;
        usleep(10000);
    }
    return -1;
}

static int terminal_is_held(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp() ? 0 : -1;
}

static int private_places(void)
{
    static const char *const paths[] = {"/tmp/x", "/run/x", "/var/tmp/x", "/dev/shm/x", "/run/lock/x"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (open(paths[i], O_WRONLY | O_CREAT | O_EXCL, 0600) < 0)
            return errno;
    char byte;
    int random = open("/dev/urandom", O_RDONLY);
    return random >= 0 && read(random, &byte, 1) == 1 && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0 &&
                   open("/etc/passwd", O_RDONLY) >= 0 && open("/dev/null", O_RDWR) >= 0
               ? 0
               : errno;
}

static int low_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
}

const struct attack attacks[] = {
    {"core_pattern_and_sysctls_cannot_be_written", core_pattern},
    {"host_files_cannot_be_changed", host_files},
    {"secrets_of_the_host_cannot_be_read", host_secrets},
    {"device_nodes_cannot_be_made_or_opened_or_changed", device_nodes},
    {"standard_input_is_not_the_hosts_null", standard_null},
    {"proc_and_sys_are_read_only", kernel_views},
    {"what_is_about_the_whole_machine_is_masked", masked},
    {"what_changes_the_whole_machine_is_read_only", read_only},
    {"set_uid_files_cannot_be_made", set_uid_files},
    {"host_unix_sockets_refuse", host_sockets},
    {"a_host_socket_made_later_refuses", later_socket},
    {"host_fifo_has_no_reader", host_fifo},
    {"namespaces_cannot_be_made_or_entered", namespaces},
    {"nsenter_finds_nothing", nsenter},
    {"mounts_cannot_be_changed", mounts},
    {"chroot_is_refused", chroot_escape},
    {"root_is_the_end_of_the_tree", root_is_the_end},
    {"dangerous_calls_are_refused", refused_calls},
    {"dangerous_flags_are_refused", refused_flags},
    {"unknown_calls_do_not_exist", unknown_calls},
    {"only_network_and_unix_sockets_exist", socket_families},
    {"terminal_input_cannot_be_forged", terminal_input},
    {"foreign_abis_are_ended", foreign_abi},
    {"host_processes_are_out_of_reach", host_processes},
    {"init_is_opaque", init_is_opaque},
    {"capabilities_are_exactly_those_of_the_design", capabilities},
    {"core_dumps_reach_no_program_of_the_host", core_dumps},
    {"only_standard_files_are_open", only_standard_files},
    {"orphans_are_reaped", orphans_are_reaped},
    {"private_places_can_be_written", private_places},
    {"a_low_port_can_be_bound", low_port},
    /* with an outcome of their own, called by name: */
    {"a_file_to_be_read_cannot_be_written", standard_file},
    {"group_is_own", group_is_own},
    {"terminal_is_held", terminal_is_held},
    {"filesystems_of_the_host_are_not_shown", host_filesystems},
};
const size_t attack_count = sizeof attacks / sizeof attacks[0];

int attack_run(const char *name)
{
    for (size_t i = 0; i < attack_count; i++)
        if (strcmp(attacks[i].name, name) == 0) {
            int wrong = attacks[i].run();
            if (wrong > 0)
                fprintf(stderr, "%s: %s\n", name, strerror(wrong));
            return wrong ? 1 : 0;
        }
    return 2;
}
