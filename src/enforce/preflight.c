/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine, and this process on it, must have before a network is begun. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "enforce/descriptors.h"
#include "enforce/network.h"
#include "enforce/process.h"

static bool mount_bpffs(struct failure *f)
{
    struct statfs s;
    if (statfs("/sys/fs/bpf", &s) == 0 && s.f_type == BPF_FS_MAGIC)
        return true;
    if (mount("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return fail_errno(f, errno, "mount the BPF file system at /sys/fs/bpf (try: mount -t bpf bpf /sys/fs/bpf)");
    return true;
}

bool network_preflight(struct failure *f)
{
    if (geteuid() != 0)
        return fail(f, "building a network needs root: run it with sudo");
    static const struct {
        int number;
        const char *name;
    } wanted[] = {{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_SETPCAP, "CAP_SETPCAP"}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (prctl(PR_CAPBSET_READ, wanted[i].number, 0, 0, 0) != 1)
            return fail(f, "building a network needs %s, which was taken from this process; a container needs --privileged", wanted[i].name);
    if (!process_numbers_hold(f) || !descriptors_suffice(f) || !datapath_probe(f) || !mount_bpffs(f))
        return false;
    if (mkdir(PIN_ROOT, 0700) && errno != EEXIST)
        return fail_errno(f, errno, "make %s", PIN_ROOT);
    return true;
}
