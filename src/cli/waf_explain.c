/* SPDX-License-Identifier: Apache-2.0 */
/* waf explain: what a rule looks for and does, and a message that fires it. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/rules.h"
#include "cli/waf_explain.h"
#include "cli/waf_show.h"

/* Memory for one explanation and the search for its example. */
#define EXPLANATION_MEMORY ((size_t)2 << 30)
/* The same messages each time. */
#define SEED 1

struct asked {
    int64_t id;
    const struct operands *files;
    bool json;
    struct arena *arena;
};

static uint32_t rule_of_id(const struct waf_rule_set *set, int64_t id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id && set->rules[i].kind != RULE_MARKER)
            return set->rules[i].head;
    return NOTHING;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* No such rule: the one whose id is closest may be meant. */
static int complain_of_id(const struct asked *q, const struct waf_rule_set *set)
{
    int64_t closest = 0;
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id && (!closest || distance(set->rules[i].id, q->id) < distance(closest, q->id)))
            closest = set->rules[i].id;
    if (!closest)
        return complain_in(q->json, "the files have no rule with an id; name those that have with --rules");
    return complain_in(q->json, "no rule of the files has the id %lld; the closest is %lld", (long long)q->id, (long long)closest);
}

static bool find_example(const struct rules *r, const struct asked *q, uint32_t rule, const struct settings *settings, struct example *ret)
{
    struct waf_scratch scratch;
    struct waf_options options = waf_options_now();
    if (!scratch_create(&r->program, &scratch))
        return false;
    struct example_search search = {.program = &r->program, .scratch = &scratch, .settings = settings, .options = &options, .seed = SEED};
    bool ok = example_find(&search, rule, q->arena, ret);
    scratch_free(&scratch);
    return ok;
}

static bool write_settings(const struct settings *s, int64_t id, struct text *out)
{
    *out = text_new(ANSWER_MAX);
    text_printf(out, "SecAction \"id:%lld,phase:1,nolog,pass,t:none,", (long long)id);
    waf_settings_print(s, out);
    text_puts(out, "\"\n");
    return !out->failed;
}

/* The rules again, with the settings given before all and once more behind all, where a rule's own would stand over them. */
static bool find_with_settings(const struct rules *set, const struct asked *q, const struct settings *settings, struct example *ret)
{
    int64_t id = rules_free_id(set->set, 1), other = rules_free_id(set->set, id + 1);
    struct text first, last;
    struct rules r = {0};
    bool ok = write_settings(settings, id, &first) & write_settings(settings, other, &last);
    ret->found = false;
    ok = ok && rules_open_between(q->files->items, q->files->count, text_cstr(&first), text_cstr(&last), q->json, &r);
    if (ok && r.set && rule_of_id(r.set, q->id) != NOTHING)
        ok = find_example(&r, q, rule_of_id(r.set, q->id), settings, ret);
    rules_free(&r);
    text_free(&first);
    text_free(&last);
    return ok;
}

/* Only what it needs: each setting is left out once, to see whether it goes without. */
static bool leave_out_settings(const struct rules *set, const struct asked *q, struct explained *e)
{
    for (size_t i = e->settings.count; i > 0 && e->settings.count > 1; i--) {
        struct setting left_out = e->settings.items[i - 1];
        struct example found;
        memmove(&e->settings.items[i - 1], &e->settings.items[i], (e->settings.count - i) * sizeof left_out);
        e->settings.count--;
        if (!find_with_settings(set, q, &e->settings, &found))
            return false;
        if (found.found) {
            e->example = found;
            continue;
        }
        memmove(&e->settings.items[i], &e->settings.items[i - 1], (e->settings.count - i + 1) * sizeof left_out);
        e->settings.items[i - 1] = left_out;
        e->settings.count++;
    }
    return true;
}

static bool explain(const struct rules *r, const struct asked *q, uint32_t rule, struct explained *e)
{
    struct settings none = {0};
    if (!rule_explain(&r->program, rule, q->arena, &e->rule) || !find_example(r, q, rule, &none, &e->example) ||
        !settings_find(r->set, rule, q->arena, &e->settings))
        return false;
    if (e->example.found || !e->settings.count || e->rule.removed) {
        e->settings.count = 0;
        return true;
    }
    struct example found;
    if (!find_with_settings(r, q, &e->settings, &found))
        return false;
    if (!found.found) {
        e->settings.count = 0;
        return true;
    }
    e->example = found;
    return leave_out_settings(r, q, e);
}

static int answer(const struct rules *r, const struct asked *q)
{
    struct explained e = {0};
    struct text out = text_new(ANSWER_MAX);
    if (!r->set) {
        rules_complain(r);
        return complain_in(q->json, "the rules are not valid: see bulkhead waf check");
    }
    uint32_t rule = rule_of_id(r->set, q->id);
    if (rule == NOTHING)
        return complain_of_id(q, r->set);
    if (!explain(r, q, rule, &e))
        return complain_in(q->json, "out of memory");
    if (q->json)
        waf_explain_json(&e, &out);
    else
        waf_explain_print(&e, color_wanted(STDOUT_FILENO), &out);
    return output_text(&out, STATUS_YES);
}

int waf_explain(const char *id, const struct operands *files, bool json)
{
    struct asked q = {.files = files, .json = json};
    struct rules r;
    char *end;
    errno = 0;
    q.id = strtoll(id, &end, 10);
    if (errno || end == id || *end || q.id < 1)
        return wrong_usage("waf", "explain needs the id of a rule first, a number such as 942100, not `%s`", id);
    q.arena = arena_create(EXPLANATION_MEMORY);
    int status = STATUS_CANNOT;
    if (!q.arena)
        return complain_in(json, "out of memory");
    if (rules_open(files->items, files->count, json, &r))
        status = answer(&r, &q);
    rules_free(&r);
    arena_destroy(q.arena);
    return status;
}
