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

static void print_count(uint32_t count, const char *what, struct text *out)
{
    text_printf(out, "%u %s%s, ", count, what, count == 1 ? "" : "s");
}

static int print_summary(const struct loaded *l)
{
    struct text out = text_new(ANSWER_MAX);
    const struct policy *p = l->policy;
    text_printf(&out, "%s: valid: ", l->file);
    print_count(p->workload_count, "workload", &out);
    print_count(p->segment_count, "segment", &out);
    print_count(p->rule_count, "rule", &out);
    text_puts(&out, "sha256:");
    print_digest(p, &out);
    text_puts(&out, "\n");
    return output_text(&out, STATUS_YES);
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
        status = json ? print_json(&l) : l.policy ? print_summary(&l) : STATUS_NO;
    }
    loaded_free(&l);
    return status;
}
