/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/moments.h"

#include "base/table.h"
#include "base/text.h"

/* Combinations that are compared; more are not. */
#define MOMENTS_MAX 256
/* Changes of conditions that are looked at to find them. */
#define CHANGES_MAX   50000
#define CONDITION_MAX (1 << 20)

/* A condition in the time zone of its policy. */
struct timed {
    const struct policy *policy;
    const struct rule *rule; /* some rule that has it */
    uint8_t uses;            /* by allows, by denies */
    enum truth truth;        /* at the moment that is looked at */
    int64_t stands;          /* it does not change before this second (UTC) */
};

/*
 * A condition is asked for its next change once, and again when that has come. No further ahead than this, then twice as
 * far each time: the limits above may be reached long before a condition that never changes is searched for a week.
 */
#define LOOK_SECONDS 3600

struct finding {
    struct arena *arena;
    struct table known;
    struct timed *items;
    size_t count, capacity;
    int64_t until;  /* the end of the time that is looked at */
    int64_t ahead;  /* how far conditions are asked for changes */
    int64_t looked; /* they were asked for those before this second, and are asked again in it */
};

/* The number of the rule's condition: the same for the same text in the same zone. */
static bool condition_number(struct finding *f, const struct policy *p, const struct rule *r, uint32_t *ret)
{
    struct text key = text_new(CONDITION_MAX);
    text_printf(&key, "%s|", p->timezone ? p->timezone : "UTC");
    condition_print(r->when, &key);
    const uint64_t *at = key.failed ? NULL : table_get(&f->known, bytes_of(key.at, key.len));
    bool ok = at != NULL;
    if (ok) {
        *ret = (uint32_t)*at;
    } else if (!key.failed) {
        struct timed *grown = arena_grow(f->arena, f->items, f->count, &f->capacity, sizeof *grown);
        const char *kept = arena_text(f->arena, key.at, key.len);
        if (grown && kept && table_put(&f->known, bytes_of(kept, key.len), f->count, NULL)) {
            f->items = grown;
            *ret = (uint32_t)f->count;
            f->items[f->count++] = (struct timed){.policy = p, .rule = r};
            ok = true;
        }
    }
    text_free(&key);
    return ok;
}

static bool number_conditions(struct finding *f, const struct policy *const *policies, unsigned count,
                              struct moments *m)
{
    for (unsigned i = 0; i < count; i++) {
        const struct policy *p = policies[i];
        m->condition_of[i] = arena_array(f->arena, p->rule_count, sizeof *m->condition_of[i]);
        if (!m->condition_of[i])
            return false;
        for (uint32_t r = 0; r < p->rule_count; r++) {
            uint32_t *number = &m->condition_of[i][r];
            *number = NONE;
            if (!p->rules[r].when)
                continue;
            if (!condition_number(f, p, &p->rules[r], number))
                return false;
            f->items[*number].uses |= p->rules[r].allow ? MOMENT_ALLOW : MOMENT_DENY;
        }
    }
    m->condition_count = (uint32_t)f->count;
    return true;
}

/* Whether the condition is another at `at` than it was. */
static bool look(const struct finding *f, struct timed *t, int64_t at)
{
    enum truth before = t->truth;
    t->truth = rule_truth(t->policy, t->rule, at);
    t->stands = rule_next_change(t->policy, t->rule, at, f->looked);
    return t->truth != before;
}

static void look_further(struct finding *f, int64_t at)
{
    f->looked = f->until - at > f->ahead ? at + f->ahead : f->until;
    f->ahead *= 2;
}

static void look_first(struct finding *f, int64_t at)
{
    look_further(f, at);
    for (size_t i = 0; i < f->count; i++)
        (void)look(f, &f->items[i], at);
}

/* The next second at which some condition is another, which is then looked at; the end when there is none. */
static int64_t next_change(struct finding *f)
{
    for (;;) {
        int64_t at = f->looked;
        bool changed = false;
        for (size_t i = 0; i < f->count; i++)
            at = f->items[i].stands < at ? f->items[i].stands : at;
        if (at >= f->until)
            return f->until;
        if (at == f->looked)
            look_further(f, at);
        for (size_t i = 0; i < f->count; i++)
            changed |= f->items[i].stands == at && look(f, &f->items[i], at);
        if (changed)
            return at;
    }
}

static void write_holding(const struct finding *f, uint8_t *out)
{
    for (size_t i = 0; i < f->count; i++) {
        enum truth t = f->items[i].truth;
        out[i] =
            f->items[i].uses & ((t == TRUTH_TRUE ? MOMENT_ALLOW : 0) | (t != TRUTH_FALSE ? MOMENT_DENY : 0));
    }
}

static bool find_combinations(struct finding *f, int64_t now, struct moments *m)
{
    struct table known = table_new(f->arena, 1);
    size_t size = f->count;
    unsigned changes = 0;
    uint8_t *holding = arena_array(f->arena, MOMENTS_MAX + 1, size);
    if (!holding)
        return false;
    look_first(f, now);
    for (int64_t at = now; at < f->until; at = next_change(f)) {
        uint8_t *here = holding + m->count * size;
        bool new;
        if (changes++ == CHANGES_MAX) {
            m->incomplete = "conditions change too often within the week to compare every moment";
            break;
        }
        write_holding(f, here);
        if (!table_put(&known, bytes_of(here, size), 0, &new))
            return false;
        if (!new)
            continue;
        if (m->count == MOMENTS_MAX) {
            m->incomplete = "conditions have too many combinations within the week to compare them all";
            break;
        }
        m->count++;
    }
    m->holding = holding;
    return true;
}

static bool find(const struct policy *const *policies, unsigned count, int64_t now, int64_t until,
                 struct arena *a, struct moments *ret)
{
    struct finding f = {.arena = a, .known = table_new(a, 21), .until = until, .ahead = LOOK_SECONDS};
    struct moments m = {0};
    if (!number_conditions(&f, policies, count, &m) || !find_combinations(&f, now, &m))
        return false;
    *ret = m;
    return true;
}

bool moments_find(const struct policy *const *policies, unsigned count, int64_t now, struct arena *a,
                  struct moments *ret)
{
    return find(policies, count, now, now + MOMENTS_SECONDS, a, ret);
}

bool moments_now(const struct policy *const *policies, unsigned count, int64_t now, struct arena *a,
                 struct moments *ret)
{
    return find(policies, count, now, now + 1, a, ret);
}
