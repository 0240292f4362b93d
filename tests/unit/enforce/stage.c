/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "enforce/file.h"
#include "enforce/state.h"

void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

void sure(bool done, const struct failure *f)
{
    if (!done)
        fail_msg("%s", f->text);
}

bool stage_mounts(struct failure *f)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", "/run", "tmpfs", 0, NULL))
        return fail_errno(f, errno, "make a mount namespace");
    (void)mkdir(STATE_ROOT, 0700);
    (void)mkdir(STATE_ROOT "/shop", 0700);
    (void)mkdir(STATE_ROOT "/bank", 0700);
    return true;
}

void host_looks_as(char *before)
{
    char *after = host_looks();
    struct failure f = {{0}};
    bool same = strcmp(before, after) == 0;
    if (!same) {
        sure(file_write("/run/before", bytes_of_text(before), &f) && file_write("/run/after", bytes_of_text(after), &f), &f);
        (void)!system("diff /run/before /run/after");
    }
    free(before);
    free(after);
    assert_true(same);
}
