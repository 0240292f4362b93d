/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that an unconditional deny takes whole. Denies are filed under each (from, to) pair of their entries;
 * a rule asks under the pairs that could hold its first entries. The work for a rule is bounded whatever the
 * policy: what costs more is not looked at, and then nothing is said.
 */
#include "policy/condition.h"
#include "policy/cover.h"

#define PAIRS_MAX 64    /* of one deny; wider ones go into the short list of wide ones */
#define CHAIN_MAX 8     /* denies of one pair that are looked at */
#define COMPARE_MAX 4096 /* of entries, for one deny and one rule */
#define WIDER_MAX 12    /* selectors that could hold an entry */

struct pair {
    uint32_t from, to; /* the key */
    uint32_t deny, next; /* next of the same pair, NONE at the end */
};

static bool is_unconditional(const struct policy *p, const struct rule *r)
{
    const struct facts whenever = {.zone = p->zone};
    return !r->when || (!condition_depends_on_time(r->when) && condition_evaluate(r->when, &whenever) == TRUTH_TRUE);
}

static bool has_negated(const struct end *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->items[i].negated)
            return true;
    return false;
}

static bool has_prefix(const struct end *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->items[i].kind == SELECT_CIDR)
            return true;
    return false;
}

static bool file_pair(struct suspecting *s, uint32_t from, uint32_t to, uint32_t deny)
{
    /* Keys must stay where they are: each pair is an allocation of its own, `pairs` is the way to it by number. */
    struct pair *pair = arena_alloc(s->r->arena, sizeof *pair);
    struct pair **slot = list_add(s->r, &s->pairs, sizeof *slot);
    if (!pair || !slot)
        return false;
    *slot = pair;
    *pair = (struct pair){from, to, deny, NONE};
    bool fresh;
    uint64_t *first = table_put(&s->denies, bytes_of(pair, 2 * sizeof(uint32_t)), s->pairs.count - 1, &fresh);
    if (!first)
        return false;
    if (!fresh) {
        struct pair *head = ((struct pair **)s->pairs.items)[*first];
        pair->next = head->next;
        head->next = (uint32_t)s->pairs.count - 1;
    }
    s->denied_from[from] = s->denied_to[to] = 1;
    return true;
}

static bool file_deny(struct suspecting *s, uint32_t deny)
{
    const struct rule *d = &s->p->rules[deny];
    if (d->allow || d->observe || has_negated(&d->from) || has_negated(&d->to) || !is_unconditional(s->p, d))
        return true;
    if ((uint64_t)d->from.count * d->to.count > PAIRS_MAX || has_prefix(&d->from) || has_prefix(&d->to)) {
        if (s->wide_count < sizeof s->wide / sizeof *s->wide)
            s->wide[s->wide_count++] = deny;
        return true;
    }
    for (uint32_t i = 0; i < d->from.count; i++)
        for (uint32_t k = 0; k < d->to.count; k++)
            if (!file_pair(s, selector_id(s, &d->from.items[i]), selector_id(s, &d->to.items[k]), deny))
                return false;
    return true;
}

bool shadows_prepare(struct suspecting *s)
{
    s->denied_from = arena_array(s->r->arena, s->id_count, 1);
    s->denied_to = arena_array(s->r->arena, s->id_count, 1);
    if (!s->denied_from || !s->denied_to)
        return false;
    for (uint32_t i = 0; i < s->p->rule_count; i++)
        if (!file_deny(s, i))
            return false;
    return true;
}

/* The numbers of selectors that hold `of`, as far as denies use them at that end. */
static uint32_t list_wider(const struct suspecting *s, const struct selector *of, const uint8_t *used, uint32_t out[WIDER_MAX])
{
    uint32_t all[WIDER_MAX], count = 0, kept = 0;
    uint32_t segments = s->p->workload_count, own = selector_id(s, of), workload = NONE;
    if (of->kind == SELECT_WORKLOAD)
        workload = of->index;
    if (of->kind == SELECT_LABEL && selector_label(s, of)->workload_count > 0)
        workload = selector_label(s, of)->workloads[0];
    if (own != NONE)
        all[count++] = own;
    if (of->kind != SELECT_ANY)
        all[count++] = any_id(s);
    if (workload != NONE)
        all[count++] = segments + s->p->workloads[workload].segment;
    if (of->kind == SELECT_CIDR && policy_segment_of(s->p, &of->prefix.address) != NONE)
        all[count++] = segments + policy_segment_of(s->p, &of->prefix.address);
    const struct workload *w = workload == NONE ? NULL : &s->p->workloads[workload];
    for (uint32_t i = 0; w && i < w->label_count && count < WIDER_MAX; i++)
        all[count++] = segments + s->p->segment_count + w->labels[i].id;
    for (uint32_t i = 0; i < count; i++)
        if (used[all[i]])
            out[kept++] = all[i];
    return kept;
}

static bool end_covers(const struct suspecting *s, const struct end *outer, const struct end *inner)
{
    if ((uint64_t)outer->count * inner->count > COMPARE_MAX)
        return false;
    for (uint32_t i = 0; i < inner->count; i++) {
        bool held = inner->items[i].negated;
        for (uint32_t k = 0; k < outer->count && !held; k++)
            held = selector_covers(s, &outer->items[k], &inner->items[i]);
        if (!held)
            return false;
    }
    return true;
}

static bool ports_cover(const struct rule *outer, const struct rule *inner)
{
    if ((uint64_t)outer->port_count * inner->port_count > COMPARE_MAX)
        return false;
    for (uint32_t i = 0; i < inner->port_count; i++) {
        const struct ports *in = &inner->ports[i];
        bool held = false;
        for (uint32_t k = 0; k < outer->port_count && !held; k++) {
            const struct ports *out = &outer->ports[k];
            held = out->protocol == PORTS_ANY || (out->protocol == in->protocol && out->first <= in->first && out->last >= in->last);
        }
        if (!held)
            return false;
    }
    return true;
}

/* A deny takes an allow wherever it stands, another deny only when it comes first (and so is the one named). */
static bool takes_whole(const struct suspecting *s, uint32_t deny, uint32_t rule)
{
    const struct rule *d = &s->p->rules[deny], *r = &s->p->rules[rule];
    return (r->allow || deny < rule) && ports_cover(d, r) && end_covers(s, &d->from, &r->from) && end_covers(s, &d->to, &r->to);
}

static const struct selector *first_plain(const struct end *e)
{
    uint32_t i = 0;
    while (e->items[i].negated)
        i++;
    return &e->items[i];
}

uint32_t shadowing_deny(const struct suspecting *s, uint32_t rule)
{
    const struct rule *r = &s->p->rules[rule];
    for (uint32_t i = 0; i < s->wide_count; i++)
        if (takes_whole(s, s->wide[i], rule))
            return s->wide[i];
    if (s->pairs.count == 0)
        return NONE;
    uint32_t from[WIDER_MAX], to[WIDER_MAX];
    uint32_t from_count = list_wider(s, first_plain(&r->from), s->denied_from, from);
    uint32_t to_count = from_count ? list_wider(s, first_plain(&r->to), s->denied_to, to) : 0;
    for (uint32_t i = 0; i < from_count; i++)
        for (uint32_t k = 0; k < to_count; k++) {
            const uint32_t key[2] = {from[i], to[k]};
            const uint64_t *at = table_get(&s->denies, bytes_of(key, sizeof key));
            uint32_t next = at ? (uint32_t)*at : NONE;
            for (unsigned n = 0; next != NONE && n < CHAIN_MAX; n++) {
                const struct pair *pair = ((struct pair **)s->pairs.items)[next];
                if (takes_whole(s, pair->deny, rule))
                    return pair->deny;
                next = pair->next;
            }
        }
    return NONE;
}
