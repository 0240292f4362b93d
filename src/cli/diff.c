/* SPDX-License-Identifier: Apache-2.0 */
/* diff OLD NEW: what access is gained and lost. */
#include "decide/diff.h"

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"

#pragma weak diff_flows

#define DIFF_MEMORY ((size_t)2 << 30)

/* Of a comparison that is not complete, only a difference that was found is an answer. */
static int difference_status(const struct diff *d)
{
    if (diff_found(d))
        return STATUS_NO;
    return d->incomplete ? STATUS_CANNOT : STATUS_YES;
}

static int print_difference(const struct policy *before, const struct policy *after, int64_t now, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    struct diff d;
    int status;
    struct arena *a = arena_create(DIFF_MEMORY);
    if (!a || !diff_make(before, after, now, DIFF_LIMIT, a, &d)) {
        status = complain_in(json, "out of memory: the policies are too large to compare");
    } else {
        if (json)
            diff_print_json(&d, &out);
        else
            diff_print(&d, &out);
        status = output_text(&out, difference_status(&d));
    }
    arena_destroy(a);
    return status;
}

int verb_diff(int argc, char **argv)
{
    bool json = false;
    const char *at = NULL, *flows = NULL;
    int64_t now;
    int status;
    struct operands files;
    const struct option_wanted wanted[] = {
        {"json", 0, &json, NULL}, {"at", 0, NULL, &at}, {"flows", 0, NULL, &flows}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){2, 2, false}, &files, &status))
        return status;
    if (flows)
        return diff_flows ? diff_flows(argc, argv) : complain("--flows: not built yet");
    if (strcmp(files.items[0], "-") == 0 && strcmp(files.items[1], "-") == 0)
        return wrong_usage(argv[0], "only one of the files can be standard input");
    if (!moment_asked(argv[0], at, &now, &status))
        return status;

    struct loaded before = {0}, after = {0};
    if (policy_need(files.items[0], json, STATUS_CANNOT, &before, &status) &&
        policy_need(files.items[1], json, STATUS_CANNOT, &after, &status))
        status = print_difference(before.policy, after.policy, now, json);
    loaded_free(&before);
    loaded_free(&after);
    return status;
}
