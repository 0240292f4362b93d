/* SPDX-License-Identifier: Apache-2.0 */
/* What rules look at, as far as a message brings it: each set of targets once. */
#include "waf/plan/planning.h"

bool variable_is_of_request_head(uint8_t variable)
{
    switch ((enum variable)variable) {
    case VARIABLE_ARGS_GET:
    case VARIABLE_ARGS_GET_NAMES:
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
        return true;
    default:
        return false;
    }
}

bool variable_is_of_message(uint8_t variable)
{
    if (variable_is_of_request_head(variable))
        return true;
    switch ((enum variable)variable) {
    case VARIABLE_ARGS:
    case VARIABLE_ARGS_NAMES:
    case VARIABLE_ARGS_POST:
    case VARIABLE_ARGS_POST_NAMES:
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

/* NOTHING when memory is out. */
static uint32_t number_of_source(struct planning *p, struct plan_source s)
{
    struct waf_plan *plan = p->plan;
    for (uint32_t i = 0; i < plan->source_count; i++)
        if (same_source(&s, &plan->sources[i]))
            return i;
    struct plan_source *grown = arena_grow(p->arena, plan->sources, plan->source_count, &p->source_capacity, sizeof *grown);
    if (!grown)
        return NOTHING;
    plan->sources = grown;
    grown[plan->source_count] = s;
    return plan->source_count++;
}

static bool is_body(uint8_t variable)
{
    return variable == VARIABLE_REQUEST_BODY || variable == VARIABLE_RESPONSE_BODY;
}

/* Bodies are long, and their databases small: one for all rules that look at one goes over it once. */
bool sources_of(struct planning *p, const struct waf_rule *r, struct rule_sources *ret)
{
    struct plan_source all, parts[SOURCES_MAX] = {0};
    *ret = (struct rule_sources){0};
    if (!gather_source(p, r, &all))
        return false;
    for (size_t part = 0; part < SOURCES_MAX; part++) {
        uint32_t *segments = arena_array(p->arena, all.segment_count, sizeof *segments);
        if (!segments)
            return false;
        for (uint32_t i = 0; i < all.segment_count; i++)
            if (is_body(p->set->targets[p->plan->segments[all.segments[i]]].variable) == (part == 1))
                segments[parts[part].segment_count++] = all.segments[i];
        parts[part].segments = segments;
        if (!parts[part].segment_count)
            continue;
        ret->items[ret->count] = number_of_source(p, parts[part]);
        if (ret->items[ret->count++] == NOTHING)
            return false;
    }
    return true;
}
