/* SPDX-License-Identifier: Apache-2.0 */
/* waf: the rule engine without a server. check is here; each other word has a file of its own. */
#include <limits.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/rules.h"

/* Rules as a user counts them: a chain is one, a marker none. */
static size_t count_rules(const struct waf_rule_set *set)
{
    size_t count = 0;
    for (uint32_t i = 0; i < set->rule_count; i++)
        count += set->rules[i].kind != RULE_MARKER && set->rules[i].head == i;
    return count;
}

static int print_summary(const struct rules *r)
{
    struct text out = text_new(ANSWER_MAX);
    size_t errors = sources_errors(&r->sources), files = r->sources.count;
    if (r->set) {
        size_t rules = count_rules(r->set);
        text_printf(&out, "valid: %zu rule%s in %zu file%s\n", rules, rules == 1 ? "" : "s", files, files == 1 ? "" : "s");
    } else
        text_printf(&out, "not valid: %zu error%s\n", errors, errors == 1 ? "" : "s");
    return output_text(&out, r->set ? STATUS_YES : STATUS_NO);
}

static int print_json(const struct rules *r)
{
    struct text out = text_new(ANSWER_MAX);
    text_printf(&out, "{\"valid\": %s, \"errors\": %zu, \"warnings\": %zu, \"rules\": ", r->set ? "true" : "false", sources_errors(&r->sources),
        sources_warnings(&r->sources));
    if (r->set)
        text_printf(&out, "%zu", count_rules(r->set));
    else
        text_puts(&out, "null");
    text_puts(&out, ", \"files\": ");
    sources_print_json(&r->sources, &out);
    if (!out.failed)
        out.at[--out.len] = 0; /* its newline */
    text_puts(&out, "}\n");
    return output_text(&out, r->set ? STATUS_YES : STATUS_NO);
}

int waf_check(const struct operands *files, bool json)
{
    struct rules r;
    int status = STATUS_CANNOT;
    if (rules_open(files->items, files->count, json, &r)) {
        if (!json)
            rules_complain(&r);
        status = json ? print_json(&r) : print_summary(&r);
    }
    rules_free(&r);
    return status;
}

/* The files behind --rules and those among the operands are one list. */
static int start_inspection(struct operands *files, const char *rules, const struct inspection *wanted)
{
    char *one[] = {(char *)rules};
    struct operands named = {one, 1};
    if (!rules && files->count == 0)
        return wrong_usage("waf", "inspect needs --rules FILE");
    if (rules && files->count)
        return wrong_usage("waf", "inspect takes one --rules FILE; that may Include others");
    if (!wanted->batch && !wanted->request)
        return wrong_usage("waf", "inspect needs --request FILE (`-` is standard input) or --batch");
    if (wanted->batch && (wanted->request || wanted->response))
        return wrong_usage("waf", "with --batch the messages come from standard input");
    if (wanted->batch && wanted->suggest)
        return wrong_usage("waf", "--suggest is for one message, not for --batch");
    return waf_inspect(rules ? &named : files, wanted);
}

/* RULE-ID, then as many files as there are, the one behind --rules first. */
static int start_explanation(struct operands *operands, const char *rules, const struct inspection *wanted)
{
    if (wanted->request || wanted->response || wanted->batch || wanted->suggest || wanted->cache)
        return wrong_usage("waf", "explain takes the id of a rule, --rules FILE... and --json");
    if (operands->count < 2)
        return wrong_usage("waf", "explain needs the id of a rule");
    if (!rules)
        return wrong_usage("waf", "explain needs --rules FILE...");
    const char *id = operands->items[1];
    operands->items[1] = (char *)rules;
    struct operands files = {operands->items + 1, operands->count - 1};
    return waf_explain(id, &files, wanted->json);
}

static int count_names(const char *const *names)
{
    int count = 0;
    while (names[count])
        count++;
    return count;
}

/* What options of the verb say; each of its words takes some of them. */
struct asked_for {
    struct inspection inspection;
    const char *rules, *requests, *old_cache, *new_cache;
    const char *old[OPTION_LIST_MAX + 1], *new[OPTION_LIST_MAX + 1];
};

static bool wants_inspection(const struct asked_for *a)
{
    return a->rules || a->inspection.request || a->inspection.response || a->inspection.batch || a->inspection.suggest || a->inspection.cache;
}

static bool wants_replay(const struct asked_for *a)
{
    return a->old[0] || a->new[0] || a->requests || a->old_cache || a->new_cache;
}

static int start_replay(const struct operands *more, struct asked_for *a)
{
    if (wants_inspection(a))
        return wrong_usage("waf", "replay takes --old RULES, --new RULES, --old-cache, --new-cache, --requests DIR and --json");
    if (more->count)
        return wrong_usage("waf", "`%s` is behind no option: --old and --new may be given several times", more->items[0]);
    if (!a->old[0] || !a->new[0] || !a->requests)
        return wrong_usage("waf", "replay needs --old RULES, --new RULES and --requests DIR");
    struct replaying wanted = {.old = {(char **)a->old, count_names(a->old)}, .new = {(char **)a->new, count_names(a->new)},
        .old_cache = a->old_cache, .new_cache = a->new_cache, .requests = a->requests, .json = a->inspection.json};
    return waf_replay(&wanted);
}

static int start_check(const struct operands *files, const struct asked_for *a)
{
    if (wants_inspection(a))
        return wrong_usage("waf", "check takes --json and the files of the rules");
    if (files->count == 0)
        return wrong_usage("waf", "check needs the files of the rules");
    return waf_check(files, a->inspection.json);
}

int verb_waf(int argc, char **argv)
{
    struct asked_for a = {0};
    struct inspection *i = &a.inspection;
    int status;
    struct operands operands;
    const struct option_wanted options[] = {{"json", 0, &i->json, NULL}, {"rules", 0, NULL, &a.rules}, {"request", 0, NULL, &i->request},
        {"response", 0, NULL, &i->response}, {"batch", 0, &i->batch, NULL}, {"suggest", 0, &i->suggest, NULL}, {"profile", 0, &i->profile, NULL}, {"old", OPTION_LIST, NULL, a.old},
        {"new", OPTION_LIST, NULL, a.new}, {"requests", 0, NULL, &a.requests}, {"cache", 0, NULL, &i->cache}, {"old-cache", 0, NULL, &a.old_cache},
        {"new-cache", 0, NULL, &a.new_cache}, {0}};
    if (!options_read(argc, argv, options, (struct operand_range){1, INT_MAX, false}, &operands, &status))
        return status;
    const char *what = operands.items[0];
    struct operands files = {operands.items + 1, operands.count - 1};
    if (strcmp(what, "replay") == 0)
        return start_replay(&files, &a);
    if (wants_replay(&a))
        return wrong_usage("waf", "--old, --new, their caches and --requests are for replay");
    if (strcmp(what, "inspect") == 0)
        return start_inspection(&files, a.rules, i);
    if (strcmp(what, "explain") == 0)
        return start_explanation(&operands, a.rules, i);
    if (strcmp(what, "check") == 0)
        return start_check(&files, &a);
    return wrong_usage("waf", "there is check, inspect, explain and replay, not `%s`", what);
}
