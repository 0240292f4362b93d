/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine, and this process on it, must have before a network is begun. Asks, and changes nothing but that bpffs is mounted. */
#include <bpf/btf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "enforce/capabilities.h"
#include "enforce/clock.h"
#include "enforce/confine.h"
#include "enforce/descriptors.h"
#include "enforce/netns.h"
#include "enforce/network.h"
#include "enforce/process.h"

#define BPFFS "/sys/fs/bpf"
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

static const struct workload *first_that_runs(const struct policy *p)
{
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (p->workloads[i].run.command)
            return &p->workloads[i];
    return NULL;
}

/* Without any one of these `up` fails, and without any other it does not: CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON too. */
static bool capabilities_suffice(const struct policy *p, struct failure *f)
{
    int wanted[3 + CAPABILITIES_KEPT] = {CAP_SYS_ADMIN, CAP_NET_ADMIN};
    size_t count = 2;
    char lacking[CAPABILITIES_TEXT_MAX];
    const struct workload *runs = first_that_runs(p);
    if (runs) {
        wanted[count++] = CAP_SETPCAP;
        memcpy(wanted + count, capabilities_kept, sizeof capabilities_kept);
        count += CAPABILITIES_KEPT;
    }
    if (!capabilities_lacking(wanted, count, lacking))
        return true;
    return fail(f, "building a network%s%s needs %s, which this process lacks; a container needs --privileged, a unit CapabilityBoundingSet= with them",
        runs ? " with run: of workload " : "", runs ? runs->name : "", lacking);
}

/* The programs are fitted to the running kernel by its types (CO-RE); libbpf looks for them in files of /boot too. */
static bool kernel_tells_its_types(struct failure *f)
{
    if (access(KERNEL_TYPES, R_OK) == 0)
        return true;
    int error = errno;
    struct btf *types = btf__load_vmlinux_btf();
    if (!types)
        return fail_errno(f, error, "this kernel does not tell its types, by which BPF programs are fitted to it: use one that is built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are, and see that /sys is mounted; " KERNEL_TYPES);
    btf__free(types);
    return true;
}

static bool mount_bpffs(struct failure *f)
{
    struct statfs s;
    bool mounted = statfs(BPFFS, &s) == 0 && s.f_type == BPF_FS_MAGIC;
    if (!mounted && mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return fail_errno(f, errno, "mount the BPF file system at " BPFFS " (try: mount -t bpf bpf " BPFFS ")");
    return access(BPFFS, W_OK) == 0 || fail_errno(f, errno, "cannot make anything in " BPFFS);
}

bool network_preflight(const struct policy *p, struct failure *f)
{
    if (geteuid() != 0)
        return fail(f, "building a network needs root: run it with sudo");
    return capabilities_suffice(p, f) && process_numbers_hold(f) && clock_is_the_kernels(f) && descriptors_suffice(f) && netns_return_probe(f) &&
           datapath_probe(f) && kernel_tells_its_types(f) && mount_bpffs(f);
}
