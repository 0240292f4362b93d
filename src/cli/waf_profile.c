/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_profile.h"

#include "cli/moment.h"

#define SHOWN 25

bool profile_begin(const struct rules *r, struct waf_profile *ret)
{
    *ret = (struct waf_profile){.rules = arena_array(r->arena, r->set->rule_count, sizeof *ret->rules), .clock = processor_nanoseconds};
    return ret->rules != NULL;
}

/* The most expensive rule that is not shown yet; its cost is taken out. NULL when none is left. */
static const struct waf_rule *take_dearest(const struct rules *r, struct waf_cost *costs, struct waf_cost *ret)
{
    uint32_t dearest = 0;
    for (uint32_t i = 1; i < r->set->rule_count; i++)
        if (costs[i].nanoseconds > costs[dearest].nanoseconds)
            dearest = i;
    if (!r->set->rule_count || !costs[dearest].nanoseconds)
        return NULL;
    *ret = costs[dearest];
    costs[dearest] = (struct waf_cost){0};
    return &r->set->rules[dearest];
}

static void print_rule(const struct rules *r, const struct waf_rule *rule, const struct waf_cost *c, uint64_t messages, struct text *out)
{
    struct bytes file = waf_text_bytes(r->set, r->set->files[rule->file]);
    size_t slash = file.len;
    while (slash && file.at[slash - 1] != '/')
        slash--;
    struct bytes name = bytes_slice(bytes_slice(file, slash, file.len), 0, 26);
    text_printf(out, "%8lld %9.2f %8llu %8llu %8llu  %.*s:%u\n", (long long)rule->id, (double)c->nanoseconds / 1000 / (double)messages, (unsigned long long)c->runs,
        (unsigned long long)c->candidates, (unsigned long long)c->hits, (int)name.len, (const char *)name.at, rule->line);
}

static void print_sums(const struct rules *r, const struct waf_profile *p, uint64_t nanoseconds, uint64_t messages, struct text *out)
{
    uint64_t runs = 0, rules = 0;
    for (uint32_t i = 0; i < r->set->rule_count; i++) {
        runs += p->rules[i].runs;
        rules += p->rules[i].nanoseconds;
    }
    text_printf(out, "%llu message%s, %.2f us each: rules %.2f (%.1f run), scans %.2f, the rest reading and logging\n", (unsigned long long)messages,
        messages == 1 ? "" : "s", (double)nanoseconds / 1000 / (double)messages, (double)rules / 1000 / (double)messages, (double)runs / (double)messages,
        (double)p->scans / 1000 / (double)messages);
}

void profile_print(const struct rules *r, const struct waf_profile *p, uint64_t nanoseconds, uint64_t messages, struct text *out)
{
    struct waf_cost *left = arena_array(r->arena, r->set->rule_count, sizeof *left), cost;
    const struct waf_rule *rule;
    if (!left || !messages)
        return;
    memcpy(left, p->rules, r->set->rule_count * sizeof *left);
    print_sums(r, p, nanoseconds, messages, out);
    text_puts(out, "    rule        us     runs  scanned     hits  (us of a message; the clock itself is in it)\n");
    for (int i = 0; i < SHOWN && (rule = take_dearest(r, left, &cost)); i++)
        print_rule(r, rule, &cost, messages, out);
}
