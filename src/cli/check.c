/* SPDX-License-Identifier: Apache-2.0 */
/* check FILE: diagnostics, and a line about what is valid. */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "compile/forecast.h"
#include "policy/parse.h"

/* What the program itself and its libraries take of the memory that a policy's text may take. */
#define OWN_MEMORY ((size_t)12 << 20)

static void warn_of_forecast(struct diags *d, const struct forecast *f)
{
    static const char narrow[] = "narrow `from` or `to` of this rule, or name fewer different prefixes";
    unsigned long long cells = f->cells;
    const struct rule *r = f->rule;
    if (f->size == FORECAST_REFUSED)
        diag_warning(d, r->place, narrow, "the tables do not fit, and `up` will refuse this policy: it needs %llu cells of classes, at most %llu fit; the rule `%s` alone needs %u x %u",
            cells, (unsigned long long)COMPILE_PRODUCT_DEFAULT, r->name, f->from_classes, f->to_classes);
    else if (f->size == FORECAST_LARGE && r)
        diag_warning(d, r->place, narrow, "the tables take %llu MiB of the kernel's memory or more, which is more than usual; of %llu cells of classes the rule `%s` needs %u x %u, the most",
            (unsigned long long)(f->bytes >> 20), cells, r->name, f->from_classes, f->to_classes);
    else if (f->size == FORECAST_LARGE)
        diag_warning(d, (struct place){0}, NULL, "the tables take %llu MiB of the kernel's memory or more, which is more than usual", (unsigned long long)(f->bytes >> 20));
    else if (f->size == FORECAST_UNKNOWN)
        diag_warning(d, r ? r->place : (struct place){0}, "`up` and `apply` tell how large they are",
            "the tables may be larger than usual: to count them takes more than `check` may");
}

/* In what is left of the memory that the policy's text may take. */
static void check_tables(struct loaded *l)
{
    size_t limit = policy_memory_limit(l->source.len), used = OWN_MEMORY + l->source.len + arena_used(l->arena) - arena_spare(l->arena) + arena_used(l->diags_arena);
    struct arena *scratch = arena_create(used < limit ? limit - used : 0);
    struct compile_options o = {.compiled = moment_now()};
    struct forecast f = {.size = FORECAST_UNKNOWN};
    if (scratch && chance(&o.seed))
        f = forecast(l->policy, &o, COMPILE_USUAL_BYTES, scratch);
    warn_of_forecast(&l->diags, &f);
    diags_sort(&l->diags);
    arena_destroy(scratch);
}

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
    text_visible(&out, bytes_of_text(l->file));
    text_puts(&out, p ? ": valid: " : ": not valid: ");
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
        if (l.policy)
            check_tables(&l);
        if (!json)
            loaded_complain(&l, false);
        status = json ? print_json(&l) : print_summary(&l);
    }
    loaded_free(&l);
    return status;
}
