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
};

struct finding {
    struct arena *arena;
    struct table known;
    struct timed *items;
    size_t count, capacity;
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

static void holding_at(const struct finding *f, int64_t at, uint8_t *out)
{
    for (size_t i = 0; i < f->count; i++) {
        enum truth t = rule_truth(f->items[i].policy, f->items[i].rule, at);
        out[i] =
            f->items[i].uses & ((t == TRUTH_TRUE ? MOMENT_ALLOW : 0) | (t != TRUTH_FALSE ? MOMENT_DENY : 0));
    }
}

static int64_t next_change(const struct finding *f, int64_t at, int64_t until)
{
    for (size_t i = 0; i < f->count; i++)
        until = rule_next_change(f->items[i].policy, f->items[i].rule, at, until);
    return until;
}

static bool find_combinations(struct finding *f, int64_t now, int64_t until, struct moments *m)
{
    struct table known = table_new(f->arena, 1);
    size_t size = f->count;
    unsigned changes = 0;
    uint8_t *holding = arena_array(f->arena, MOMENTS_MAX + 1, size);
    if (!holding)
        return false;
    for (int64_t at = now; at < until; at = next_change(f, at, until)) {
        uint8_t *here = holding + m->count * size;
        bool new;
        if (changes++ == CHANGES_MAX) {
            m->incomplete = "conditions change too often within the week to compare every moment";
            break;
        }
        holding_at(f, at, here);
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
    struct finding f = {.arena = a, .known = table_new(a, 21)};
    struct moments m = {0};
    if (!number_conditions(&f, policies, count, &m) || !find_combinations(&f, now, until, &m))
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
