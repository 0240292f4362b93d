/* SPDX-License-Identifier: Apache-2.0 */
/* matrix FILE: who reaches whom. */
#include "decide/matrix.h"

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"

#pragma weak matrix_live

#define MATRIX_MEMORY ((size_t)1 << 30)

static int print_matrix(const struct loaded *l, int64_t now, bool json, bool dot)
{
    struct text out = text_new(ANSWER_MAX);
    struct matrix m;
    int status = STATUS_YES;
    struct arena *a = arena_create(MATRIX_MEMORY);
    switch (a ? matrix_make(l->policy, now, MATRIX_LIMIT, a, &m) : MATRIX_NO_MEMORY) {
    case MATRIX_DONE:
        if (json)
            matrix_print_json(&m, &out);
        else if (dot)
            matrix_print_dot(&m, &out);
        else
            matrix_print(&m, &out);
        status = output_text(&out, STATUS_YES);
        break;
    case MATRIX_NO_MEMORY:
        status =
            complain_in(json, "%s: out of memory: the policy is too large for a matrix; ask with why", l->file);
        break;
    case MATRIX_TOO_LARGE:
        status = complain_in(json, "%s: the policy is too large for a matrix; ask with why", l->file);
        break;
    }
    arena_destroy(a);
    return status;
}

int verb_matrix(int argc, char **argv)
{
    bool json = false, dot = false, live = false;
    const char *at = NULL;
    int64_t now;
    int status;
    struct operands files;
    const struct option_wanted wanted[] = {
        {"json", 0, &json, NULL}, {"dot", 0, &dot, NULL}, {"at", 0, NULL, &at}, {"live", 0, &live, NULL}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &files, &status))
        return status;
    if (live && (dot || at))
        return wrong_usage(argv[0], "--live tries what is so now, and goes with --json alone");
    if (live)
        return matrix_live ? matrix_live(argc, argv) : complain("--live: not built yet");
    if (files.count < 1)
        return wrong_usage(argv[0], "too few arguments");
    if (json && dot)
        return wrong_usage(argv[0], "--json and --dot exclude each other");
    if (!moment_asked(argv[0], at, &now, &status))
        return status;

    struct loaded l;
    if (policy_need(files.items[0], json, STATUS_CANNOT, &l, &status))
        status = print_matrix(&l, now, json, dot);
    loaded_free(&l);
    return status;
}
