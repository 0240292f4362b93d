/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/comparison.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "decide/diff.h"
#include "enforce/file.h"

#define DIFF_MAX ((size_t)1 << 30)
/* Comparisons: a few tenths of a second. The new policy is in force already, and who applies it waits for the receipt. */
#define APPLY_DIFF_LIMIT ((uint64_t)50000000)

/* In the process of its own: the answer into `fd`. */
static bool compare(const struct policy *old, const struct policy *new, bool json, int fd)
{
    struct text out = text_new(ANSWER_MAX);
    struct arena *arena = arena_create(DIFF_MAX);
    struct diff diff = {0};
    if (!arena || !diff_make(old, new, moment_now(), APPLY_DIFF_LIMIT, arena, &diff))
        return false;
    if (json)
        diff_print_json(&diff, &out);
    else
        diff_print(&diff, &out);
    if (!json && diff.incomplete)
        text_puts(&out, "bulkhead diff OLD NEW takes the time to compare them whole\n");
    while (json && out.len && out.at[out.len - 1] == '\n')
        out.len--;
    return !out.failed && write_all(fd, bytes_of(out.at, out.len));
}

void comparison_start(const struct policy *old, const struct policy *new, bool json, struct comparison *ret)
{
    *ret = (struct comparison){.answer = memfd_create("bulkhead-comparison", MFD_CLOEXEC)};
    if (ret->answer < 0)
        return;
    pid_t parent = getpid();
    ret->process = fork();
    if (ret->process == 0) {
        bool alone = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent;
        _exit(!alone && compare(old, new, json, ret->answer) ? STATUS_YES : STATUS_CANNOT);
    }
    if (ret->process < 0)
        ret->process = 0;
}

/* Its exit status; -1 when it did not exit. */
static int wait_for(struct comparison *c)
{
    int status = -1;
    while (c->process && waitpid(c->process, &status, 0) < 0 && errno == EINTR)
        continue;
    c->process = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool comparison_end(struct comparison *c, struct text *out)
{
    struct stat st;
    bool ok = c->process && wait_for(c) == STATUS_YES && fstat(c->answer, &st) == 0 && st.st_size > 0;
    void *answer = ok ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, c->answer, 0) : MAP_FAILED;
    ok = answer != MAP_FAILED;
    if (ok) {
        text_append(out, answer, (size_t)st.st_size);
        munmap(answer, (size_t)st.st_size);
    }
    comparison_stop(c);
    return ok;
}

void comparison_stop(struct comparison *c)
{
    if (c->process)
        kill(c->process, SIGKILL);
    (void)wait_for(c);
    if (c->answer >= 0)
        close(c->answer);
    c->answer = -1;
}
