/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/confine.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enforce/capabilities.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- capabilities ---- */

const int capabilities_kept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID, CAP_KILL,
                                 CAP_SETUID, CAP_SETGID,       CAP_NET_BIND_SERVICE, CAP_NET_RAW};

static bool is_kept(int capability)
{
    for (size_t i = 0; i < CAPABILITIES_KEPT; i++)
        if (capabilities_kept[i] == capability)
            return true;
    return false;
}

bool capabilities_drop(struct failure *f)
{
    /* Past the kernel's last capability PR_CAPBSET_DROP says EINVAL. */
    for (int capability = 0; capability < 64; capability++) {
        if (is_kept(capability) || prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL)
            break;
        return fail_needing(f, errno, "CAP_SETPCAP", "cannot take capability %d from the workload", capability);
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail_errno(f, errno, "cannot clear the workload's ambient capabilities");
    char lacking[CAPABILITIES_TEXT_MAX];
    if (capabilities_lacking(capabilities_kept, CAPABILITIES_KEPT, lacking))
        return fail(f, "the workload is to have %s, which this process lacks; a container needs --privileged, a unit CapabilityBoundingSet= with them", lacking);
    cap_t set = cap_init();
    bool done = set && cap_set_flag(set, CAP_PERMITTED, CAPABILITIES_KEPT, capabilities_kept, CAP_SET) == 0 &&
                cap_set_flag(set, CAP_EFFECTIVE, CAPABILITIES_KEPT, capabilities_kept, CAP_SET) == 0 && cap_set_proc(set) == 0;
    int error = errno;
    if (set)
        (void)cap_free(set);
    return done ? true : fail_errno(f, error, "cannot set the workload's capabilities");
}

/* ---- system calls ---- */

/* Newer than libseccomp 2.5.4 knows; the same number on every architecture. */
#define NUMBER_FCHMODAT2 452
#define NUMBER_LAST_KNOWN 466 /* removexattrat, Linux 6.13 */

const int calls_refused[] = {
    /* mounts and namespaces */
    SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(pivot_root),
    SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    /* the kernel itself */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(create_module), SCMP_SYS(query_module),
    SCMP_SYS(get_kernel_syms), SCMP_SYS(reboot), SCMP_SYS(acct), SCMP_SYS(syslog), SCMP_SYS(_sysctl),
    SCMP_SYS(nfsservctl), SCMP_SYS(lookup_dcookie), SCMP_SYS(uselib), SCMP_SYS(vhangup),
    /* keys are not in a namespace */
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
    /* around the tree */
    SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd),
    SCMP_SYS(fanotify_init),
    /* large attack surface, no need */
    SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(modify_ldt), SCMP_SYS(vm86), SCMP_SYS(vm86old),
    /* the machine's clock and ports */
    SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_settime64), SCMP_SYS(stime), SCMP_SYS(iopl),
    SCMP_SYS(ioperm), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
};
const size_t calls_refused_count = COUNT(calls_refused);

static const uint64_t refused_clone_flags[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                               CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET};

/* TIOCSTI and TIOCLINUX type into the caller's terminal; TIOCSETD loads line disciplines. */
#define IOCTL_TIOCLINUX 0x541C
const uint64_t ioctls_refused[] = {TIOCSTI, IOCTL_TIOCLINUX, TIOCSETD, TIOCCONS};
const size_t ioctls_refused_count = COUNT(ioctls_refused);

static const int socket_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

static int refuse(scmp_filter_ctx filter, int error, int call)
{
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), call, 0);
    return result == -EDOM ? 0 : result; /* not on this architecture */
}

static int refuse_masked(scmp_filter_ctx filter, int call, unsigned argument, uint64_t mask, uint64_t value)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                            SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int add_plain(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; i < COUNT(calls_refused) && result == 0; i++)
        result = refuse(filter, EPERM, calls_refused[i]);
    /* Its flags are behind a pointer that a filter cannot follow; C libraries fall back to clone. */
    return result ? result : refuse(filter, ENOSYS, SCMP_SYS(clone3));
}

static int add_flags(scmp_filter_ctx filter)
{
    int result = 0;
#ifdef __s390__
    const unsigned clone_argument = 1;
#else
    const unsigned clone_argument = 0;
#endif
    for (size_t i = 0; i < COUNT(refused_clone_flags) && result == 0; i++)
        result = refuse_masked(filter, SCMP_SYS(clone), clone_argument, refused_clone_flags[i], refused_clone_flags[i]);
    for (size_t i = 0; i < COUNT(ioctls_refused) && result == 0; i++)
        result = refuse_masked(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, ioctls_refused[i]);
    return result;
}

/* A file of the host may come in as standard output: it must not become a set-uid program there. */
static int add_modes(scmp_filter_ctx filter)
{
    static const struct {
        int call;
        unsigned argument;
    } calls[] = {{SCMP_SYS(chmod), 1}, {SCMP_SYS(fchmod), 1}, {SCMP_SYS(fchmodat), 2}};
    int result = 0;
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (result == 0)
            result = refuse_masked(filter, calls[i].call, calls[i].argument, S_ISUID, S_ISUID);
        if (result == 0)
            result = refuse_masked(filter, calls[i].call, calls[i].argument, S_ISGID, S_ISGID);
    }
    return result ? result : refuse(filter, ENOSYS, NUMBER_FCHMODAT2);
}

static bool is_allowed_family(unsigned family)
{
    for (size_t i = 0; i < COUNT(socket_families); i++)
        if ((unsigned)socket_families[i] == family)
            return true;
    return false;
}

/* libseccomp cannot say "none of these", so the others are named; the kernel has less than 64 families. */
static int add_sockets(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair)};
    int result = 0;
    for (size_t i = 0; i < COUNT(calls); i++) {
        for (unsigned family = 0; family < 64 && result == 0; family++)
            if (!is_allowed_family(family))
                result = refuse_masked(filter, calls[i], 0, UINT32_MAX, family);
        for (unsigned bit = 6; bit < 32 && result == 0; bit++)
            result = refuse_masked(filter, calls[i], 0, 1ULL << bit, 1ULL << bit);
    }
    for (unsigned bit = 0; bit < 32 && result == 0; bit++) /* any protocol but NETLINK_ROUTE, which is 0 */
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2,
                                  SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_NETLINK),
                                  SCMP_CMP(2, SCMP_CMP_MASKED_EQ, 1ULL << bit, 1ULL << bit));
    return result;
}

static bool main_filter_load(struct failure *f)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return fail(f, "cannot make a system call filter: out of memory");
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: few steps a call */
    if (result == 0)
        result = add_plain(filter);
    if (result == 0)
        result = add_flags(filter);
    if (result == 0)
        result = add_modes(filter);
    if (result == 0)
        result = add_sockets(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 ? true : fail_errno(f, -result, "cannot load the workload's system call filter");
}

/* Calls that nobody here has judged do not exist. Numbers from 0x40000000 are x32's, which the main filter
 * ends; they are above the bound and only change from "killed" to ENOSYS when this filter alone sees them. */
static bool unknown_filter_load(struct failure *f)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NUMBER_LAST_KNOWN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(code), .filter = code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return fail_errno(f, errno, "cannot load the filter against unknown system calls");
    return true;
}

bool seccomp_confine(struct failure *f)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail_errno(f, errno, "cannot set no_new_privs");
    return unknown_filter_load(f) && main_filter_load(f);
}
