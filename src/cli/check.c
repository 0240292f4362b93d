/* SPDX-License-Identifier: Apache-2.0 */
/* check FILE: diagnostics, and a line about what is valid. */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"

static void print_digest(const struct policy *p, struct text *out)
{
    for (size_t i = 0; i < sizeof p->digest; i++)
        text_printf(out, "%02x", p->digest[i]);
}

static void print_count(size_t count, const char *one, const char *more, struct text *out)
{
    text_printf(out, "%zu %s", count, count == 1 ? one : more);
}

static int print_summary(const struct loaded *l)
{
    struct text out = text_new(ANSWER_MAX);
    const struct policy *p = l->policy;
    text_printf(&out, "%s: %s: ", l->file, p ? "valid" : "not valid");
    if (p) {
        print_count(p->workload_count, "workload, ", "workloads, ", &out);
        print_count(p->segment_count, "segment, ", "segments, ", &out);
        print_count(p->rule_count, "rule, ", "rules, ", &out);
        text_puts(&out, "sha256:");
        print_digest(p, &out);
    } else {
        print_count(l->diags.errors + (l->diags.out_of_memory ? 1 : 0), "error", "errors", &out);
    }
    text_puts(&out, "\n");
    return output_text(&out, p ? STATUS_YES : STATUS_NO);
}

/* The diagnostics' object with what the summary says, too. */
static int print_json(const struct loaded *l)
{
    struct text out = text_new(ANSWER_MAX), diags = text_new(ANSWER_MAX);
    const struct policy *p = l->policy;
    diags_print_json(&l->diags, l->file, &diags);
    if (diags.failed || diags.len < 3)
        out.failed = true;
    else
        text_append(&out, diags.at, diags.len - 2); /* without "}\n" */
    text_free(&diags);
    text_puts(&out, ", \"digest\": ");
    if (p) {
        text_puts(&out, "\"");
        print_digest(p, &out);
        text_printf(&out, "\", \"name\": \"%s\", \"workloads\": %u, \"segments\": %u, \"rules\": %u", p->name,
                    p->workload_count, p->segment_count, p->rule_count);
    } else {
        text_puts(&out, "null");
    }
    text_puts(&out, "}\n");
    return output_text(&out, p ? STATUS_YES : STATUS_NO);
}

int verb_check(int argc, char **argv)
{
    bool json = false;
    int status;
    struct operands files;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &files, &status))
        return status;

    struct loaded l;
    status = STATUS_CANNOT;
    if (policy_load(files.items[0], json, &l)) {
        if (!json)
            loaded_complain(&l, false);
        status = json ? print_json(&l) : print_summary(&l);
    }
    loaded_free(&l);
    return status;
}
