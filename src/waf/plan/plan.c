/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/plan.h"

#include "waf/detect/detect.h"
#include "waf/operator/sound.h"
#include "waf/plan/gates.h"
#include "waf/plan/planning.h"
#include "waf/plan/tests.h"
#include "waf/transform/transform.h"

#define STEPS_MAX 64
#define GATES_COURSE UINT64_MAX /* what every message reaches stands behind none, and in a group of its own */

/* Transformations as they are done before a scan. */
struct chain {
    uint8_t steps[STEPS_MAX];
    uint32_t count;
    bool caseless; /* lowercase is left to the patterns */
};

/* Of a rule: one, or with multiMatch one for each step. */
struct chains {
    struct chain items[PLAN_CHAINS_MAX];
    uint32_t count;
};

/* What it makes of two values that differ in case alone differs in case alone. */
static bool keeps_case_apart(uint8_t transformation)
{
    switch ((enum transformation)transformation) {
    case TRANSFORM_NONE:
    case TRANSFORM_LOWERCASE:
    case TRANSFORM_COMPRESS_WHITESPACE:
    case TRANSFORM_REMOVE_WHITESPACE:
    case TRANSFORM_REMOVE_NULLS:
    case TRANSFORM_REPLACE_NULLS:
    case TRANSFORM_REPLACE_COMMENTS:
    case TRANSFORM_NORMALISE_PATH:
    case TRANSFORM_NORMALISE_PATH_WIN:
    case TRANSFORM_TRIM:
    case TRANSFORM_TRIM_LEFT:
    case TRANSFORM_TRIM_RIGHT:
        return true;
    default:
        return false;
    }
}

/* The first `count` transformations of the rule. `leave`: lowercase where it can be left out. False: more than are scanned behind. */
static bool take_chain(const struct waf_rule_set *set, const struct waf_rule *r, uint32_t count, bool leave, struct chain *ret)
{
    const uint8_t *steps = count ? set->transformations + r->transformations.first : NULL;
    *ret = (struct chain){0};
    uint32_t apart = count; /* from here on, lowercase may be left out */
    while (apart && keeps_case_apart(steps[apart - 1]))
        apart--;
    for (uint32_t i = 0; i < count; i++) {
        if (steps[i] == TRANSFORM_NONE)
            continue;
        if (steps[i] == TRANSFORM_LOWERCASE && leave && i >= apart) {
            ret->caseless = true;
            continue;
        }
        if (ret->count == STEPS_MAX)
            return false;
        ret->steps[ret->count++] = steps[i];
    }
    return true;
}

static uint64_t bits_of_chain(const struct chain *c)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < c->count; i++)
        bits |= UINT64_C(1) << c->steps[i];
    return bits;
}

/* The group's chain with these steps; as many as there are when it has none. */
static uint32_t find_chain(const struct plan_group *g, const struct chain *c)
{
    uint32_t i = 0;
    while (i < g->chain_count && !bytes_equal(bytes_of(g->chains[i].steps, g->chains[i].step_count), bytes_of(c->steps, c->count)))
        i++;
    return i;
}

/* The same, where it is made. NOTHING when memory is out. */
static uint32_t chain_of(struct planning *p, struct plan_group *g, const struct chain *c)
{
    uint32_t i = find_chain(g, c);
    if (i < g->chain_count)
        return i;
    char *steps = arena_text(p->arena, c->steps, c->count);
    if (!steps) {
        p->out_of_memory = true;
        return NOTHING;
    }
    uint64_t bits = bits_of_chain(c);
    g->chains[g->chain_count] = (struct plan_chain){.steps = (const uint8_t *)steps, .step_count = c->count, .triggers = bits};
    for (uint64_t left = bits; left; left &= left - 1)
        g->behind[__builtin_ctzll(left)] |= UINT64_C(1) << g->chain_count;
    g->always |= bits & p->plan->triggers_empty ? UINT64_C(1) << g->chain_count : 0;
    return g->chain_count++;
}

static bool has_room(const struct plan_group *g, const struct chains *chains)
{
    uint32_t more = 0;
    for (uint32_t i = 0; i < chains->count; i++)
        more += find_chain(g, &chains->items[i]) == g->chain_count;
    return g->chain_count + more <= PLAN_CHAINS_MAX;
}

/* NULL when memory is out. */
static struct draft *draft_of(struct planning *p, uint8_t phase, uint64_t gates, const struct chains *chains)
{
    for (size_t i = 0; i < p->draft_count; i++) {
        const struct plan_group *g = &p->drafts[i].group;
        if (g->phase == phase && g->gates == gates && has_room(g, chains))
            return &p->drafts[i];
    }
    struct draft *grown = arena_grow(p->arena, p->drafts, p->draft_count, &p->draft_capacity, sizeof *grown);
    struct plan_chain *room = arena_array(p->arena, PLAN_CHAINS_MAX, sizeof *room);
    uint64_t *due = arena_array(p->arena, p->plan->words, sizeof *due);
    if (!grown || !room || !due) {
        p->out_of_memory = true;
        return NULL;
    }
    p->drafts = grown;
    grown[p->draft_count] = (struct draft){.group = {.phase = phase, .gates = gates, .chains = room, .due = due}, .patterns.compiled = p->compiled, .segment = NOTHING};
    return &grown[p->draft_count++];
}

/* Those that the rule's values are looked at behind. False: it has more, or longer ones, than are scanned behind. */
static bool chains_of_rule(const struct waf_rule_set *set, uint32_t rule, struct chains *ret)
{
    const struct waf_rule *r = &set->rules[rule];
    bool leave = !pattern_minds_case(set, rule);
    ret->count = 0;
    for (uint32_t count = r->written.multi_match ? 0 : r->transformations.count; count <= r->transformations.count; count++)
        if (ret->count == PLAN_CHAINS_MAX || !take_chain(set, r, count, leave, &ret->items[ret->count++]))
            return false;
    return true;
}

/*
 * The group's look at the source, apart for what is behind chains that change any text: nothing else is looked for in what
 * those make. NOTHING when memory is out.
 */
static uint32_t look_of(struct planning *p, struct draft *d, uint32_t source, bool always)
{
    struct plan_group *g = &d->group;
    for (uint32_t i = 0; i < g->look_count; i++)
        if (g->looks[i].source == source && g->looks[i].always == always)
            return i;
    struct plan_look *grown = arena_grow(p->arena, g->looks, g->look_count, &d->look_capacity, sizeof *grown);
    if (!grown) {
        p->out_of_memory = true;
        return NOTHING;
    }
    g->looks = grown;
    grown[g->look_count] = (struct plan_look){.source = source, .always = always};
    return g->look_count++;
}

/* The rule's patterns for its values behind one of its chains. */
static enum patterns_result add_patterns(struct planning *p, struct draft *d, uint32_t rule, uint32_t source, const struct chain *c)
{
    uint32_t chain = chain_of(p, &d->group, c), look = chain != NOTHING ? look_of(p, d, source, (d->group.always >> chain & 1) != 0) : NOTHING;
    if (look == NOTHING)
        return PATTERNS_MEMORY;
    size_t before = d->patterns.count;
    enum patterns_result result = patterns_of_rule(p->set, rule, p->phrases[rule], c->caseless, p->arena, &d->patterns);
    for (size_t k = before; k < d->patterns.count; k++) {
        d->patterns.items[k].look = look;
        d->patterns.items[k].chain = (uint8_t)chain;
    }
    return result;
}

/* ---- rules */

/* The rule's group; NOTHING: it is run in any case. */
static uint32_t scan_rule(struct planning *p, uint32_t rule, uint64_t gates)
{
    const struct waf_rule *r = &p->set->rules[rule];
    struct chains chains;
    bool may = r->kind == RULE_CONDITION && !r->negated && !r->operand_macros && scanner_is_sound() && chains_of_rule(p->set, rule, &chains);
    struct rule_sources sources = {0};
    p->out_of_memory |= may && !sources_of(p, r, &sources);
    struct draft *d = sources.count && !p->out_of_memory ? draft_of(p, r->phase, gates, &chains) : NULL;
    if (!d)
        return NOTHING;
    size_t before = d->patterns.count;
    uint32_t chains_before = d->group.chain_count;
    for (uint32_t i = 0; i < chains.count * sources.count; i++) {
        enum patterns_result result = add_patterns(p, d, rule, sources.items[i % sources.count], &chains.items[i / sources.count]);
        p->out_of_memory |= result == PATTERNS_MEMORY;
        if (result != PATTERNS_OK) {
            d->patterns.count = before;
            d->group.chain_count = chains_before;
            return NOTHING;
        }
    }
    return (uint32_t)(d - p->drafts);
}

/* Where a group's scan is due: at its first rule behind each marker, since a jump lands there. */
static bool is_due(struct planning *p, uint32_t rule, uint32_t segment)
{
    struct draft *d = &p->drafts[p->plan->groups_of[rule]];
    bool due = d->segment != segment || p->skips[d->group.phase];
    d->segment = segment;
    return due;
}

static void find_skips(struct planning *p)
{
    for (uint32_t i = 0; i < p->set->rule_count; i++) {
        struct waf_span actions = p->set->rules[i].written.actions;
        for (uint32_t k = actions.first; p->set->rules[i].kind != RULE_MARKER && k < actions.first + actions.count; k++)
            if (p->set->actions[k].kind == ACTION_SKIP)
                p->skips[p->set->rules[i].phase] = true;
    }
}

static void place_rules(struct planning *p)
{
    struct gates gates = {.set = p->set};
    for (uint32_t i = 0; i < p->set->rule_count && !p->out_of_memory; i++) {
        const struct waf_rule *r = &p->set->rules[i];
        uint64_t behind = gates_pass(&gates, i);
        p->plan->groups_of[i] = NOTHING;
        if (r->kind == RULE_MARKER || r->head != i || r->removed || !r->phase)
            continue;
        p->plan->groups_of[i] = scan_rule(p, i, bits_have(p->reached[r->phase], i) ? GATES_COURSE : behind);
    }
}

/* Once it is known what Hyperscan takes: a rule that it does not take is not where a scan is due. */
static void place_visits(struct planning *p)
{
    struct waf_plan *plan = p->plan;
    uint32_t segment = 0;
    for (uint32_t i = 0; i < p->set->rule_count; i++) {
        const struct waf_rule *r = &p->set->rules[i];
        segment += r->kind == RULE_MARKER;
        if (r->kind == RULE_MARKER || r->head != i || r->removed)
            continue;
        bool due = plan->groups_of[i] != NOTHING && is_due(p, i, segment);
        if (due)
            bits_add(plan->groups[plan->groups_of[i]].due, i);
        if (due || plan->groups_of[i] == NOTHING)
            bits_add(plan->visits[r->phase], i);
    }
}

/* ---- all */

static bool make_room(struct waf_plan *plan, const struct waf_rule_set *set, struct arena *a)
{
    plan->words = set->rule_count / 64 + 1;
    plan->groups_of = arena_array(a, set->rule_count, sizeof *plan->groups_of);
    plan->tests = arena_array(a, set->rule_count, sizeof *plan->tests);
    plan->light = arena_array(a, plan->words, sizeof *plan->light);
    plan->leaves_nothing = arena_array(a, plan->words, sizeof *plan->leaves_nothing);
    plan->behind = arena_array(a, set->rule_count, sizeof *plan->behind);
    bool ok = plan->groups_of && plan->tests && plan->light && plan->leaves_nothing && plan->behind;
    for (int phase = 0; phase < WAF_PHASES; phase++) {
        plan->visits[phase] = arena_array(a, plan->words, sizeof *plan->visits[phase]);
        plan->heads[phase] = arena_array(a, plan->words, sizeof *plan->heads[phase]);
        ok = ok && plan->visits[phase] && plan->heads[phase];
    }
    return ok;
}

static void find_triggers(struct waf_plan *plan)
{
    plan->triggers_empty = UINT64_MAX;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        plan->triggers[i] = transformations_of_byte(byte) | (byte_is_plain(byte) ? 0 : TRIGGER_STRANGE) | (sqli_needs(byte) ? TRIGGER_SQLI : 0) | (xss_needs(byte) ? TRIGGER_XSS : 0);
        plan->triggers[i] |= byte_sort(byte) == BYTE_SORT_ODD ? TRIGGER_ODD : UINT64_C(1) << (TRIGGER_SORTS_SHIFT + byte_sort(byte));
        plan->triggers_empty &= plan->triggers[i]; /* what any byte triggers, no byte at all triggers too */
        plan->triggers_all |= plan->triggers[i];
    }
}

/* What each rule is, whatever stands around it. */
static void judge_rules(struct waf_plan *plan, const struct waf_rule_set *set)
{
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (r->kind == RULE_MARKER)
            continue;
        plan->tests[i] = plan_test_of(set, r);
        if (r->chain && plan_leaves_nothing(set, r))
            bits_add(plan->leaves_nothing, i);
        if (r->head != i)
            continue;
        bits_add(plan->heads[r->phase], i);
        if (r->removed)
            continue;
        if (plan_is_light(set, r))
            bits_add(plan->light, i);
    }
}

/* Rules that ask the same, one behind another. */
static void find_alike(struct waf_plan *plan, const struct waf_rule_set *set)
{
    uint32_t next[WAF_PHASES]; /* by phase: the rule behind the one that is looked at */
    for (size_t i = 0; i < WAF_PHASES; i++)
        next[i] = NOTHING;
    for (uint32_t i = set->rule_count; i-- > 0;) {
        const struct waf_rule *r = &set->rules[i];
        if (r->kind == RULE_MARKER || r->head != i || r->removed)
            continue;
        uint32_t k = next[r->phase];
        if (k != NOTHING && plan_tests_alike(set, &plan->tests[i], &plan->tests[k]))
            plan->behind[i] = plan->behind[k] ? plan->behind[k] : k + 1;
        next[r->phase] = i;
    }
}

struct waf_plan *plan_begin(const struct waf_rule_set *set, struct arena *a)
{
    struct waf_plan *plan = arena_alloc(a, sizeof *plan);
    if (!plan || !make_room(plan, set, a))
        return NULL;
    find_triggers(plan);
    judge_rules(plan, set);
    find_alike(plan, set);
    return plan;
}

bool plan_compile(struct waf_plan *plan, const struct waf_rule_set *set, const struct phrases *const *phrases, const uint64_t *const reached[WAF_PHASES],
    struct compiled *c, struct arena *a)
{
    struct planning p = {.set = set, .phrases = phrases, .reached = reached, .compiled = c, .arena = a, .plan = plan};
    find_skips(&p);
    place_rules(&p);
    if (p.out_of_memory || !compile_groups(&p))
        return false;
    place_visits(&p);
    return true;
}
