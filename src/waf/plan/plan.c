/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/plan.h"

#include "waf/detect/detect.h"
#include "waf/operator/sound.h"
#include "waf/plan/gates.h"
#include "waf/plan/patterns.h"
#include "waf/plan/tests.h"
#include "waf/transform/transform.h"

#define STEPS_MAX 64
#define TRIGGERS_AT_ONCE 64 /* bytes between two looks whether there is nothing left to find */

/* One group while it is made. */
struct draft {
    struct plan_group group;
    size_t scan_capacity;
    struct patterns patterns;
    uint32_t segment; /* where its scan was last due */
};

struct planning {
    const struct waf_rule_set *set;
    const struct phrases *const *phrases;
    struct compiled *compiled;
    struct arena *arena;
    struct waf_plan *plan;
    struct draft *drafts;
    size_t draft_count, draft_capacity, source_capacity, segment_capacity;
    bool skips[WAF_PHASES]; /* a rule counts those that it passes over: any may be where it lands */
    bool out_of_memory;
};

/* Transformations as they are done before a scan. */
struct chain {
    uint8_t steps[STEPS_MAX];
    uint32_t count;
    bool caseless; /* lowercase is left to the patterns */
};

bool variable_is_of_message(uint8_t variable)
{
    switch ((enum variable)variable) {
    case VARIABLE_ARGS:
    case VARIABLE_ARGS_NAMES:
    case VARIABLE_ARGS_GET:
    case VARIABLE_ARGS_GET_NAMES:
    case VARIABLE_ARGS_POST:
    case VARIABLE_ARGS_POST_NAMES:
    case VARIABLE_REQUEST_COOKIES:
    case VARIABLE_REQUEST_COOKIES_NAMES:
    case VARIABLE_REQUEST_HEADERS:
    case VARIABLE_REQUEST_HEADERS_NAMES:
    case VARIABLE_REQUEST_LINE:
    case VARIABLE_REQUEST_METHOD:
    case VARIABLE_REQUEST_PROTOCOL:
    case VARIABLE_REQUEST_URI:
    case VARIABLE_REQUEST_URI_RAW:
    case VARIABLE_REQUEST_FILENAME:
    case VARIABLE_REQUEST_BASENAME:
    case VARIABLE_PATH_INFO:
    case VARIABLE_QUERY_STRING:
    case VARIABLE_REQUEST_BODY:
    case VARIABLE_FULL_REQUEST:
    case VARIABLE_FILES:
    case VARIABLE_FILES_NAMES:
    case VARIABLE_MULTIPART_FILENAME:
    case VARIABLE_MULTIPART_NAME:
    case VARIABLE_MULTIPART_PART_HEADERS:
    case VARIABLE_XML:
    case VARIABLE_RESPONSE_HEADERS:
    case VARIABLE_RESPONSE_HEADERS_NAMES:
    case VARIABLE_RESPONSE_BODY:
        return true;
    default:
        return false;
    }
}

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

static struct draft *draft_of(struct planning *p, uint8_t phase, uint64_t gates)
{
    for (size_t i = 0; i < p->draft_count; i++)
        if (p->drafts[i].group.phase == phase && p->drafts[i].group.gates == gates)
            return &p->drafts[i];
    struct draft *grown = arena_grow(p->arena, p->drafts, p->draft_count, &p->draft_capacity, sizeof *grown);
    if (!grown) {
        p->out_of_memory = true;
        return NULL;
    }
    p->drafts = grown;
    grown[p->draft_count] = (struct draft){.group = {.phase = phase, .gates = gates}, .patterns.compiled = p->compiled, .segment = NOTHING};
    return &grown[p->draft_count++];
}

static uint64_t bits_of_chain(const struct chain *c)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < c->count; i++)
        bits |= UINT64_C(1) << c->steps[i];
    return bits;
}

/* The group's scan of the source behind these transformations; NOTHING when memory is out. */
static uint32_t scan_of(struct planning *p, struct draft *d, uint32_t source, const struct chain *c, bool strange)
{
    struct plan_group *g = &d->group;
    for (uint32_t i = 0; i < g->scan_count; i++)
        if (g->scans[i].source == source && g->scans[i].strange == strange && bytes_equal(bytes_of(g->scans[i].steps, g->scans[i].step_count), bytes_of(c->steps, c->count)))
            return i;
    struct plan_scan *grown = arena_grow(p->arena, g->scans, g->scan_count, &d->scan_capacity, sizeof *grown);
    char *steps = arena_text(p->arena, c->steps, c->count);
    if (!grown || !steps) {
        p->out_of_memory = true;
        return NOTHING;
    }
    g->scans = grown;
    uint64_t bits = bits_of_chain(c);
    grown[g->scan_count] = (struct plan_scan){.source = source, .steps = (const uint8_t *)steps, .step_count = c->count, .triggers = bits,
        .always = (bits & p->plan->triggers_empty) != 0, .strange = strange};
    return g->scan_count++;
}

/* The rule's patterns for the values behind its first `count` transformations. */
static enum patterns_result add_patterns(struct planning *p, struct draft *d, uint32_t rule, uint32_t source, uint32_t count)
{
    struct chain c;
    if (!take_chain(p->set, &p->set->rules[rule], count, !pattern_minds_case(p->set, rule), &c))
        return PATTERNS_NONE;
    size_t before = d->patterns.count;
    enum patterns_result result = patterns_of_rule(p->set, rule, p->phrases[rule], c.caseless, p->arena, &d->patterns);
    for (size_t k = before; k < d->patterns.count; k++)
        d->patterns.items[k].scan = scan_of(p, d, source, &c, d->patterns.items[k].strange);
    return p->out_of_memory ? PATTERNS_MEMORY : result;
}

/* ---- sources */

static bool names_alike(const struct waf_rule_set *set, uint32_t a, uint32_t b)
{
    const struct waf_target *x = &set->targets[a], *y = &set->targets[b];
    bool one = x->selector == SELECTOR_LITERAL, other = y->selector == SELECTOR_LITERAL;
    return x->variable == y->variable && one == other && (!one || bytes_equal(waf_text_bytes(set, x->text), waf_text_bytes(set, y->text)));
}

/* NOTHING when memory is out. */
static uint32_t segment_of(struct planning *p, uint32_t target)
{
    struct waf_plan *plan = p->plan;
    for (uint32_t i = 0; i < plan->segment_count; i++)
        if (names_alike(p->set, plan->segments[i], target))
            return i;
    uint32_t *grown = arena_grow(p->arena, plan->segments, plan->segment_count, &p->segment_capacity, sizeof *grown);
    if (!grown)
        return NOTHING;
    plan->segments = grown;
    grown[plan->segment_count] = target;
    return plan->segment_count++;
}

static bool has_segment(const struct plan_source *s, uint32_t segment)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i] == segment)
            return true;
    return false;
}

static bool same_source(const struct plan_source *a, const struct plan_source *b)
{
    for (uint32_t i = 0; i < a->segment_count; i++)
        if (!has_segment(b, a->segments[i]))
            return false;
    return a->segment_count == b->segment_count;
}

/* All that the rule's targets name; no segment where one of them is never scanned. False when memory is out. */
static bool gather_source(struct planning *p, const struct waf_rule *r, struct plan_source *ret)
{
    uint32_t *segments = arena_array(p->arena, r->targets.count, sizeof *segments);
    *ret = (struct plan_source){segments, 0};
    for (uint32_t i = r->targets.first; segments && i < r->targets.first + r->targets.count; i++) {
        const struct waf_target *t = &p->set->targets[i];
        if (t->exclusion)
            continue;
        if (t->count || !variable_is_of_message(t->variable)) {
            ret->segment_count = 0;
            return true;
        }
        uint32_t segment = segment_of(p, i);
        if (segment == NOTHING)
            return false;
        if (!has_segment(ret, segment))
            segments[ret->segment_count++] = segment;
    }
    return segments;
}

/* NOTHING: there is none, or memory is out. */
static uint32_t source_of(struct planning *p, const struct waf_rule *r)
{
    struct waf_plan *plan = p->plan;
    struct plan_source s;
    if (!gather_source(p, r, &s)) {
        p->out_of_memory = true;
        return NOTHING;
    }
    for (uint32_t i = 0; i < plan->source_count && s.segment_count; i++)
        if (same_source(&s, &plan->sources[i]))
            return i;
    if (!s.segment_count)
        return NOTHING;
    struct plan_source *grown = arena_grow(p->arena, plan->sources, plan->source_count, &p->source_capacity, sizeof *grown);
    if (!grown) {
        p->out_of_memory = true;
        return NOTHING;
    }
    plan->sources = grown;
    grown[plan->source_count] = s;
    return plan->source_count++;
}

/* ---- rules */

/* The rule's group; NOTHING: it is run in any case. */
static uint32_t scan_rule(struct planning *p, uint32_t rule, uint64_t gates)
{
    const struct waf_rule *r = &p->set->rules[rule];
    bool may = r->kind == RULE_CONDITION && !r->negated && !r->operand_macros && scanner_is_sound();
    uint32_t source = may ? source_of(p, r) : NOTHING;
    struct draft *d = source != NOTHING ? draft_of(p, r->phase, gates) : NULL;
    if (!d)
        return NOTHING;
    size_t before = d->patterns.count;
    for (uint32_t count = r->written.multi_match ? 0 : r->transformations.count; count <= r->transformations.count; count++) {
        enum patterns_result result = add_patterns(p, d, rule, source, count);
        p->out_of_memory |= result == PATTERNS_MEMORY;
        if (result != PATTERNS_OK) {
            d->patterns.count = before;
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
        if (r->kind == RULE_MARKER || r->head != i)
            continue;
        bits_add(p->plan->heads[r->phase], i);
        if (r->removed)
            continue;
        p->plan->tests[i] = plan_test_of(p->set, r);
        if (plan_is_light(p->set, r))
            bits_add(p->plan->light, i);
        p->plan->groups_of[i] = scan_rule(p, i, behind);
    }
}

/* Once it is known what Hyperscan takes: a rule that it does not take is not where a scan is due. */
static void place_visits(struct planning *p)
{
    uint32_t segment = 0;
    for (uint32_t i = 0; i < p->set->rule_count; i++) {
        const struct waf_rule *r = &p->set->rules[i];
        segment += r->kind == RULE_MARKER;
        if (r->kind != RULE_MARKER && r->head == i && !r->removed && (p->plan->groups_of[i] == NOTHING || is_due(p, i, segment)))
            bits_add(p->plan->visits[r->phase], i);
    }
}

/* ---- databases */

/* A scan whose database is to be compiled. */
struct due {
    struct draft *draft;
    uint32_t scan;
    const char **texts;
    unsigned *flags, *ids;
    uint32_t *rules; /* by id */
    unsigned count;
};

static bool gather(struct planning *p, struct due *ret)
{
    const struct patterns *patterns = &ret->draft->patterns;
    size_t room = patterns->count, named = 0;
    ret->count = 0;
    ret->texts = arena_array(p->arena, room, sizeof *ret->texts);
    ret->flags = arena_array(p->arena, room, sizeof *ret->flags);
    ret->ids = arena_array(p->arena, room, sizeof *ret->ids);
    ret->rules = arena_array(p->arena, room, sizeof *ret->rules);
    if (!ret->texts || !ret->flags || !ret->ids || !ret->rules || room > UINT32_MAX)
        return false;
    for (size_t i = 0; i < room; i++) {
        const struct pattern *item = &patterns->items[i];
        if (item->scan != ret->scan || p->plan->groups_of[item->rule] == NOTHING)
            continue;
        if (!named || ret->rules[named - 1] != item->rule)
            ret->rules[named++] = item->rule;
        ret->texts[ret->count] = item->text;
        ret->flags[ret->count] = item->flags;
        ret->ids[ret->count++] = (unsigned)named - 1;
    }
    return true;
}

/* Without the expression that Hyperscan does not take, where it names one; else without any. */
static void give_up(struct planning *p, const struct due *d, int wrong)
{
    for (unsigned i = 0; i < d->count; i++)
        if (wrong < 0 || d->ids[i] == d->ids[wrong])
            p->plan->groups_of[d->rules[d->ids[i]]] = NOTHING;
}

/* All at once. Those that Hyperscan refused are left at the front, and their number in `*count`. */
static bool compile_due(struct planning *p, struct due *items, size_t *count)
{
    struct database_wanted *wanted = arena_array(p->arena, *count, sizeof *wanted);
    size_t asked = 0, left = 0;
    for (size_t i = 0; wanted && i < *count; i++) {
        if (!gather(p, &items[i]))
            return false;
        if (!items[i].count)
            continue;
        items[asked] = items[i];
        wanted[asked++] = (struct database_wanted){.texts = items[i].texts, .flags = items[i].flags, .ids = items[i].ids, .count = items[i].count};
    }
    if (!wanted || !compiled_databases(p->compiled, wanted, asked))
        return false;
    for (size_t i = 0; i < asked; i++) {
        struct plan_scan *scan = &items[i].draft->group.scans[items[i].scan];
        scan->database = wanted[i].database;
        scan->rules = items[i].rules;
        if (wanted[i].result == DATABASE_OK)
            continue;
        give_up(p, &items[i], wanted[i].wrong);
        items[left++] = items[i];
    }
    *count = left;
    return true;
}

static bool compile_scans(struct planning *p)
{
    size_t count = 0, room = 0;
    for (size_t i = 0; i < p->draft_count; i++)
        room += p->drafts[i].group.scan_count;
    struct due *due = arena_array(p->arena, room, sizeof *due);
    for (size_t i = 0; due && i < p->draft_count; i++)
        for (uint32_t k = 0; k < p->drafts[i].group.scan_count; k++)
            due[count++] = (struct due){.draft = &p->drafts[i], .scan = k};
    while (due && count)
        if (!compile_due(p, due, &count))
            return false;
    return due;
}

static bool same_steps(const struct plan_scan *a, const struct plan_scan *b)
{
    return bytes_equal(bytes_of(a->steps, a->step_count), bytes_of(b->steps, b->step_count));
}

/* The number of the first scan before this one with its steps, or the next number. */
static uint32_t number_of_chain(struct planning *p, const struct plan_scan *scan)
{
    for (size_t i = 0; i < p->draft_count; i++)
        for (uint32_t k = 0; k < p->drafts[i].group.scan_count; k++) {
            const struct plan_scan *other = &p->drafts[i].group.scans[k];
            if (other == scan)
                return p->plan->chain_count++;
            if (same_steps(other, scan))
                return other->chain;
        }
    return NOTHING;
}

static bool compile_groups(struct planning *p)
{
    for (size_t i = 0; i < p->draft_count; i++)
        for (uint32_t k = 0; k < p->drafts[i].group.scan_count; k++)
            p->drafts[i].group.scans[k].chain = number_of_chain(p, &p->drafts[i].group.scans[k]);
    if (!compile_scans(p))
        return false;
    p->plan->groups = arena_array(p->arena, p->draft_count, sizeof *p->plan->groups);
    if (!p->plan->groups)
        return false;
    p->plan->group_count = (uint32_t)p->draft_count;
    for (size_t i = 0; i < p->draft_count; i++)
        p->plan->groups[i] = p->drafts[i].group;
    return true;
}

static bool make_room(struct planning *p)
{
    struct waf_plan *plan = p->plan;
    plan->words = p->set->rule_count / 64 + 1;
    plan->groups_of = arena_array(p->arena, p->set->rule_count, sizeof *plan->groups_of);
    plan->tests = arena_array(p->arena, p->set->rule_count, sizeof *plan->tests);
    plan->light = arena_array(p->arena, plan->words, sizeof *plan->light);
    bool ok = plan->groups_of && plan->tests && plan->light;
    for (int phase = 0; phase < WAF_PHASES; phase++) {
        plan->visits[phase] = arena_array(p->arena, plan->words, sizeof *plan->visits[phase]);
        plan->heads[phase] = arena_array(p->arena, plan->words, sizeof *plan->heads[phase]);
        ok = ok && plan->visits[phase] && plan->heads[phase];
    }
    plan->triggers_empty = UINT64_MAX;
    for (unsigned byte = 0; byte < 256; byte++) {
        plan->triggers[byte] = transformations_of_byte((uint8_t)byte) | (byte_is_plain((uint8_t)byte) ? 0 : TRIGGER_STRANGE) | (sqli_needs((uint8_t)byte) ? TRIGGER_SQLI : 0) | (xss_needs((uint8_t)byte) ? TRIGGER_XSS : 0);
        plan->triggers_empty &= plan->triggers[byte]; /* what any byte triggers, no byte at all triggers too */
        plan->triggers_all |= plan->triggers[byte];
    }
    return ok;
}

uint64_t plan_triggers(const struct waf_plan *p, struct bytes value)
{
    uint64_t found = p->triggers_empty;
    for (size_t from = 0; from < value.len && found != p->triggers_all; from += TRIGGERS_AT_ONCE) {
        struct bytes some = bytes_slice(value, from, TRIGGERS_AT_ONCE);
        for (size_t i = 0; i < some.len; i++)
            found |= p->triggers[some.at[i]];
    }
    return found;
}

struct waf_plan *plan_compile(const struct waf_rule_set *set, const struct phrases *const *phrases, struct compiled *c, struct arena *a)
{
    struct planning p = {.set = set, .phrases = phrases, .compiled = c, .arena = a, .plan = arena_alloc(a, sizeof *p.plan)};
    if (!p.plan || !make_room(&p))
        return NULL;
    find_skips(&p);
    place_rules(&p);
    if (p.out_of_memory || !compile_groups(&p))
        return NULL;
    place_visits(&p);
    return p.plan;
}
