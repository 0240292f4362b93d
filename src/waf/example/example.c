/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/example.h"

#include "waf/example/encode.h"
#include "waf/example/pattern_make.h"
#include "waf/example/slot.h"
#include "waf/example/probe.h"
#include "waf/example/values.h"
#include "waf/operator/number.h"

#define LINKS_MAX   32
#define TARGETS_MAX 64
/* Messages that are still looked at once one was found: a shorter one reads better. */
#define RUNS_AFTER 12
#define NAMES_TRIED 200

/* One rule of the chain: what it may be given, and where. */
struct link {
    uint32_t rule;
    struct values values;
    uint32_t targets[TARGETS_MAX]; /* those that a message fills, the best first */
    uint32_t target_count;
    bool follows; /* it looks at what the rule before it matched */
};

struct search {
    const struct example_search *asked;
    const struct waf_rule_set *set;
    struct chance chance;
    struct link links[LINKS_MAX];
    size_t link_count;
    struct probe probe;
    struct arena *arena;
    unsigned turn;
};

/* ---- what the chain asks for */

/* What a match leaves behind: itself, and in TX what it captured or what a setvar made of it. */
static bool is_matched_variable(const struct waf_target *t)
{
    return t->variable == VARIABLE_MATCHED_VAR || t->variable == VARIABLE_MATCHED_VARS || t->variable == VARIABLE_MATCHED_VARS_NAMES ||
           (t->variable == VARIABLE_TX && !t->count);
}

/* ARGS reads best: it goes first. */
static void link_add_target(const struct waf_rule_set *set, struct link *l, uint32_t target)
{
    const struct waf_target *t = &set->targets[target];
    if (t->exclusion)
        return;
    if (is_matched_variable(t))
        l->follows = true;
    if (!slot_ways(t->variable) || l->target_count == TARGETS_MAX)
        return;
    l->targets[l->target_count++] = target;
    if (t->variable == VARIABLE_ARGS && !t->count) {
        l->targets[l->target_count - 1] = l->targets[0];
        l->targets[0] = target;
    }
}

static bool link_open(struct search *s, uint32_t rule, struct link *l)
{
    const struct waf_rule *r = &s->set->rules[rule];
    *l = (struct link){.rule = rule};
    if (r->kind != RULE_CONDITION)
        return true;
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        link_add_target(s->set, l, i);
    return values_make(s->asked->program, s->asked->scratch, rule, s->asked->settings, &s->chance, s->arena, &l->values);
}

/* ---- a message */

static void attack(struct sketch *d, bool answered)
{
    static const char *const values[] = {"1' OR '1'='1' UNION SELECT password FROM users--", "<script>alert(1)</script>", "../../../../etc/passwd",
        ";cat /etc/passwd", "<?php system('id'); ?>"};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        sketch_add(d, &d->arguments, bytes_of_text(names[i]), encode_percent(d, bytes_of_text(values[i]), "-._~!$'()*,/:@?;"));
    d->answered = answered;
    if (answered)
        d->response_body = bytes_of_text("You have an error in your SQL syntax; ORA-00933; java.lang.NullPointerException; <?php ; Index of /");
}

static struct bytes name_of(struct search *s, const struct waf_target *t, uint32_t target, struct sketch *d)
{
    struct bytes text = waf_text_bytes(s->set, t->text);
    const struct pattern_tree *p = t->selector == SELECTOR_REGEX ? pattern_read(text, d->arena) : NULL;
    if (t->selector != SELECTOR_REGEX)
        return text;
    for (int i = 0; p && i < NAMES_TRIED; i++) {
        struct text made = text_new(PATTERN_TEXT_MAX);
        pattern_make(p, &s->chance, &made);
        struct bytes name = sketch_keep(d, &made);
        if (name.len && regex_match(s->asked->program->targets[target].regex, s->asked->scratch->regex, name, NULL, NULL) == REGEX_YES)
            return name;
    }
    return (struct bytes){0};
}

/* Where the rule before put its value, for one that looks at what it matched. */
struct put {
    bool any;
    struct slot slot;
    uint32_t rule;
    struct bytes value;
};

static bool put_value(struct search *s, struct sketch *d, struct put *last)
{
    struct bytes sent = encode_undo(d, s->set, s->set->rules[last->rule].transformations, last->value, slot_is_narrow(last->slot.variable));
    return slot_put(d, &last->slot, sent);
}

static struct bytes pick_value(struct search *s, const struct link *l)
{
    uint32_t count = (uint32_t)l->values.count;
    return count ? l->values.items[s->turn < l->target_count ? 0 : chance_below(&s->chance, count)] : (struct bytes){0};
}

/* The value so far and the one that this rule asks for, as one. */
static bool put_both(struct search *s, const struct link *l, struct sketch *d, const struct sketch *before, struct put *last)
{
    struct bytes value = pick_value(s, l), blank = bytes_of_text(" ");
    unsigned how = chance_below(&s->chance, 6);
    if (how == 0)
        return true;
    if (how == 1)
        last->value = value;
    else if (how <= 3)
        last->value = sketch_join(d, how == 2 ? last->value : value, how == 2 ? value : last->value);
    else
        last->value = sketch_join(d, sketch_join(d, how == 4 ? last->value : value, blank), how == 4 ? value : last->value);
    struct sketch again = *before;
    again.failed = d->failed;
    *d = again;
    return put_value(s, d, last);
}

static bool looks_at(const struct search *s, const struct link *l, uint8_t variable)
{
    for (uint32_t i = 0; i < l->target_count; i++)
        if (s->set->targets[l->targets[i]].variable == variable)
            return true;
    return false;
}

static bool put_link(struct search *s, const struct link *l, struct sketch *d, struct sketch *before, struct put *last)
{
    if (last->any && ((l->follows && (!l->target_count || chance_below(&s->chance, 2))) || (looks_at(s, l, last->slot.variable) && chance_below(&s->chance, 3))))
        return put_both(s, l, d, before, last);
    if (!l->target_count || !l->values.count)
        return true; /* nothing that a message could do */
    uint32_t at = s->turn < l->target_count ? s->turn : chance_below(&s->chance, l->target_count), target = l->targets[at];
    const struct waf_target *t = &s->set->targets[target];
    unsigned ways = slot_ways(t->variable);
    struct slot slot = {.variable = t->variable, .name = name_of(s, t, target, d), .way = s->turn < l->target_count ? 0 : chance_below(&s->chance, ways)};
    struct bytes value = pick_value(s, l);
    if (t->count) {
        int64_t n = number_of(value);
        return n >= 0 && n < 100000 && slot_count(d, &slot, (size_t)n);
    }
    *before = *d;
    *last = (struct put){true, slot, l->rule, value};
    return put_value(s, d, last);
}

/*
 * Lists of a sketch grow in place: a copy of a sketch shares them, and what is added to one may overwrite what the other
 * had behind its end. `before` is only gone back to, never on from together with the other.
 */
static bool make_sketch(struct search *s, struct sketch *d)
{
    struct sketch before = *d;
    struct put last = {0};
    const struct waf_rule *head = &s->set->rules[s->links[0].rule];
    unsigned kind = s->turn % 10;
    if (kind >= 8 || (s->turn && !s->links[0].target_count))
        attack(d, kind & 1);
    d->answered = d->answered || head->phase == 3 || head->phase == 4;
    for (size_t i = 0; i < s->link_count; i++)
        if (!put_link(s, &s->links[i], d, &before, &last))
            return false;
    return true;
}

/* ---- the search */

/* Bytes that cannot be shown count for several. */
static size_t reading_length(struct bytes b)
{
    size_t len = b.len;
    for (size_t i = 0; i < b.len; i++)
        len += b.at[i] >= 0x7f || (b.at[i] < ' ' && b.at[i] != '\r' && b.at[i] != '\n') ? 20 : 0;
    return len;
}

static size_t example_length(const struct example *e)
{
    return reading_length(e->request) + reading_length(e->response);
}

/* One message made and tried; `*best` becomes it when it fires and is the shortest so far. */
static bool try_one(struct search *s, struct arena *a, struct example *best)
{
    struct sketch d = sketch_new(a);
    struct example e = {.runs = best->runs};
    bool made = make_sketch(s, &d) && sketch_write(&d, &e.request, &e.response);
    e.client = d.client.len ? d.client : s->asked->options->client;
    if (!made || (best->found && example_length(&e) >= example_length(best)))
        return true;
    if (!probe_run(&s->probe, s->asked, a, &e))
        return false;
    unsigned runs = e.runs;
    if (e.found)
        *best = e;
    best->runs = runs;
    return true;
}

static const char *why_nothing(struct search *s, const struct example *best)
{
    for (size_t i = 0; i < s->link_count; i++)
        if (s->set->rules[s->links[i].rule].kind == RULE_CONDITION && !s->links[i].values.count)
            return s->links[i].values.why_none;
    for (size_t i = 0; i < s->link_count; i++) {
        const struct waf_rule *r = &s->set->rules[s->links[i].rule];
        for (uint32_t t = r->targets.first; t < r->targets.first + r->targets.count && !s->links[i].target_count && !s->links[i].follows; t++) {
            uint8_t v = s->set->targets[t].variable;
            if (v == VARIABLE_IP || v == VARIABLE_SESSION || v == VARIABLE_USER || v == VARIABLE_GLOBAL || v == VARIABLE_RESOURCE)
                return arena_format(s->arena, "it looks at %s, which requests before this one would have filled", variable_names[v]);
            if (v != VARIABLE_TX)
                return arena_format(s->arena, "it looks at %s, which no message fills by itself", variable_names[v]);
        }
    }
    if (!best->runs)
        return "no message can carry what it looks for where it looks";
    return arena_format(s->arena, "it fired on none of the %u messages that were tried", best->runs);
}

static bool search(struct search *s, struct example *best)
{
    unsigned last = EXAMPLE_RUNS_MAX;
    for (s->turn = 0; s->turn < last; s->turn++) {
        bool had = best->found;
        if (!try_one(s, s->arena, best))
            return false;
        if (!had && best->found && s->turn + RUNS_AFTER < last)
            last = s->turn + RUNS_AFTER;
    }
    if (!best->found)
        best->why_not = why_nothing(s, best);
    return best->found || best->why_not;
}

bool example_find(const struct example_search *asked, uint32_t rule, struct arena *a, struct example *ret)
{
    const struct waf_rule_set *set = asked->program->set;
    *ret = (struct example){0};
    if (set->rules[rule].removed)
        ret->why_not = "the rule is removed";
    else if (set->settings.rule_engine == SWITCH_OFF)
        ret->why_not = "SecRuleEngine is Off: no rule runs";
    else if (set->rules[rule].phase == 4 && set->settings.response_body_access != SWITCH_ON)
        ret->why_not = "SecResponseBodyAccess is not On: no rule of phase 4 runs";
    if (ret->why_not)
        return true;
    struct search *s = arena_alloc(a, sizeof *s);
    if (!s)
        return false;
    *s = (struct search){.asked = asked, .set = set, .chance = chance_new(asked->seed), .arena = a};
    for (uint32_t r = rule; r != NOTHING && s->link_count < LINKS_MAX; r = set->rules[r].next)
        if (!link_open(s, r, &s->links[s->link_count++]))
            return false;
    return probe_open(asked->program, rule, a, &s->probe) && search(s, ret);
}
