/* SPDX-License-Identifier: Apache-2.0 */
/* fmt FILE: the canonical form, to standard output or into the file. */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/rewrite.h"
#include "policy/print.h"

struct fmt_options {
    bool write, check, force;
};

static int rewrite(const struct loaded *l, struct bytes canonical, bool force)
{
    struct text out = text_new(ANSWER_MAX);
    if (bytes_equal(canonical, input_bytes(&l->source))) {
        text_printf(&out, "%s: is canonical already\n", l->file);
        return output_text(&out, STATUS_YES);
    }
    bool comments = policy_has_comments(l);
    if (comments && !force)
        return complain(
            "%s: has comments, which the canonical form does not keep; --force rewrites it without them",
            l->file);
    if (!policy_same(l, canonical))
        return complain("%s: its canonical form is not the same policy: this is a bug; nothing was written",
                        l->file);
    if (!file_replace(l->path, canonical))
        return STATUS_CANNOT;
    text_printf(&out, "%s: rewritten%s\n", l->file, comments ? "; its comments were not kept" : "");
    return output_text(&out, STATUS_YES);
}

static int format(const struct loaded *l, const struct fmt_options *o)
{
    struct text canonical = text_new(ANSWER_MAX);
    policy_print(l->policy, &canonical);
    if (canonical.failed || (!o->write && !o->check))
        return output_text(&canonical, STATUS_YES);
    struct bytes text = bytes_of(canonical.at, canonical.len);
    int status;
    if (o->check)
        status = bytes_equal(text, input_bytes(&l->source)) ? STATUS_YES : STATUS_NO;
    else
        status = rewrite(l, text, o->force);
    text_free(&canonical);
    return status;
}

int verb_fmt(int argc, char **argv)
{
    struct fmt_options o = {0};
    int status;
    struct operands files;
    const struct option_wanted wanted[] = {
        {"write", 'w', &o.write, NULL}, {"check", 0, &o.check, NULL}, {"force", 0, &o.force, NULL}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &files, &status))
        return status;
    if (o.write && o.check)
        return wrong_usage(argv[0], "--write and --check exclude each other");
    if (o.write && strcmp(files.items[0], "-") == 0)
        return wrong_usage(argv[0], "--write needs a file, not standard input");

    struct loaded l;
    if (policy_need(files.items[0], false, STATUS_NO, &l, &status))
        status = format(&l, &o);
    loaded_free(&l);
    return status;
}
