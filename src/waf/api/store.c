/* SPDX-License-Identifier: Apache-2.0 */
/* Collections in memory, and those that the caller keeps, which are asked for in the words of the public interface. */
#include <stdlib.h>

#include "waf/api/api.h"
#include "waf/api/sized.h"
#include "waf/language/words.h"
#include "waf/store/variable.h"

_Static_assert((int)BH_WAF_CHANGE_SET == (int)CHANGE_SET && (int)BH_WAF_CHANGE_ADD == (int)CHANGE_ADD && (int)BH_WAF_CHANGE_REMOVE == (int)CHANGE_REMOVE, "the engine's changes");
_Static_assert((int)BH_WAF_CHANGE_EXPIRE == (int)CHANGE_EXPIRE && (int)BH_WAF_CHANGE_DEPRECATE == (int)CHANGE_DEPRECATE && (int)BH_WAF_CHANGE_TIMEOUT == (int)CHANGE_TIMEOUT, "in its order");

/* ---- in memory */

enum bh_waf_result bh_waf_store_create(const struct bh_waf_store_options *options, struct bh_waf_store **ret)
{
    struct bh_waf_store_options o = {0};
    if (!ret || (options && !sized_read(options, &o, sizeof o)))
        return BH_WAF_MISUSE;
    struct memory_store_limits limits = {o.collections ? o.collections : 100000, o.bytes ? o.bytes : (size_t)256 << 20, o.variables ? o.variables : 1000,
        o.collection_bytes ? o.collection_bytes : (size_t)64 << 10, {o.seed[0], o.seed[1]}};
    struct bh_waf_store *s = calloc(1, sizeof *s);
    if (!s || !(s->memory = memory_store_create(&limits))) {
        free(s);
        return BH_WAF_NO_MEMORY;
    }
    s->lent = memory_store_lend(s->memory);
    *ret = s;
    return BH_WAF_OK;
}

void bh_waf_store_free(struct bh_waf_store *store)
{
    if (!store)
        return;
    memory_store_destroy(store->memory);
    free(store);
}

/* ---- the caller's */

static struct bh_waf_collection_key key_told(const struct waf_collection_key *k)
{
    static const enum bh_waf_collection collections[] = {[VARIABLE_GLOBAL] = BH_WAF_GLOBAL, [VARIABLE_IP] = BH_WAF_IP, [VARIABLE_RESOURCE] = BH_WAF_RESOURCE,
        [VARIABLE_SESSION] = BH_WAF_SESSION, [VARIABLE_USER] = BH_WAF_USER};
    return (struct bh_waf_collection_key){bytes_told(k->application), collections[k->collection], bytes_told(k->key)};
}

/* Whatever a foreign store says: FAILED unless it is known. */
static enum waf_store_result result_given(enum bh_waf_store_result result)
{
    return result == BH_WAF_STORE_DONE ? STORE_DONE : result == BH_WAF_STORE_NO_ROOM ? STORE_NO_ROOM : STORE_FAILED;
}

static int64_t between(int64_t n, int64_t least, int64_t most)
{
    return n < least ? least : n > most ? most : n;
}

/* Within what the engine calculates with. */
static struct waf_collection_facts facts_given(const struct bh_waf_collection_facts *f, int64_t now)
{
    int64_t latest = now > 0 ? now : 0;
    if (!f->exists)
        return (struct waf_collection_facts){.is_new = true};
    return (struct waf_collection_facts){.created = between(f->created, 0, latest), .updated = between(f->updated, 0, latest),
        .timeout = between(f->timeout, 0, INT32_MAX), .updates = f->updates};
}

struct reading {
    struct arena *arena;
    struct waf_values *values;
    uint8_t collection;
    bool full;
};

static int take_variable(void *into, struct bh_waf_bytes name, struct bh_waf_bytes value)
{
    struct reading *r = into;
    struct waf_value kept = {.variable = r->collection};
    if (!name.at || !name.len || !is_readable(value))
        return 1; /* it has no name, and rules could not ask for it */
    r->full = r->full || !bytes_copy(bytes_given(name), r->arena, &kept.name) || !bytes_copy(bytes_given(value), r->arena, &kept.value) || !values_add(r->values, kept, r->arena);
    return !r->full;
}

static enum waf_store_result read_lent(void *context, const struct waf_collection_key *k, int64_t now, struct arena *a, struct waf_values *ret,
    struct waf_collection_facts *ret_facts)
{
    const struct bh_waf_store *s = context;
    struct bh_waf_collection_key key = key_told(k);
    struct bh_waf_collection_facts facts = {0};
    struct reading r = {a, ret, k->collection, false};
    enum waf_store_result result = result_given(s->asked.read(s->asked.context, &key, now, take_variable, &r, &facts));
    *ret_facts = facts_given(&facts, now);
    return r.full ? STORE_MEMORY : result;
}

struct changing {
    struct arena *arena;
    struct waf_changed *now;
    bool full;
};

static int take_changed(void *into, struct bh_waf_bytes name, struct bh_waf_bytes value)
{
    struct changing *c = into;
    (void)name; /* the change's */
    c->now->exists = is_readable(value);
    c->full = c->now->exists && !bytes_copy(bytes_given(value), c->arena, &c->now->value);
    return !c->full;
}

static enum waf_store_result change_lent(void *context, const struct waf_collection_key *k, const struct waf_change *c, int64_t now, struct arena *a,
    struct waf_changed *ret)
{
    const struct bh_waf_store *s = context;
    struct bh_waf_collection_key key = key_told(k);
    struct bh_waf_change change = {(enum bh_waf_change_kind)c->kind, c->first, bytes_told(c->name), bytes_told(c->value), c->number, c->period, c->timeout};
    struct changing into = {a, ret, false};
    *ret = (struct waf_changed){0};
    enum waf_store_result result = result_given(s->asked.change(s->asked.context, &key, &change, now, take_changed, &into));
    return into.full ? STORE_MEMORY : result;
}

enum bh_waf_result bh_waf_store_lend(const struct bh_waf_store_functions *functions, struct bh_waf_store **ret)
{
    struct bh_waf_store_functions asked = {0};
    if (!functions || !ret || !sized_read(functions, &asked, sizeof asked) || !asked.read || !asked.change)
        return BH_WAF_MISUSE;
    struct bh_waf_store *s = calloc(1, sizeof *s);
    if (!s)
        return BH_WAF_NO_MEMORY;
    s->asked = asked;
    s->lent = (struct waf_store){s, read_lent, change_lent};
    *ret = s;
    return BH_WAF_OK;
}

/* ---- arithmetic for it */

int bh_waf_variable_change(struct bh_waf_variable *variable, const struct bh_waf_change *change, int64_t now)
{
    struct bh_waf_variable v = {0};
    if (!variable || !change || change->kind > BH_WAF_CHANGE_TIMEOUT || !sized_read(variable, &v, sizeof v) || !is_readable(v.value) || !is_readable(change->value))
        return 0;
    struct variable_state state = {v.exists, bytes_given(v.value), v.expires, v.since, v.rest};
    struct waf_change wanted = {.kind = (uint8_t)change->kind, .name = bytes_given(change->name), .value = bytes_given(change->value), .number = change->number, .period = change->period};
    bool changed = variable_change(&state, &wanted, now, variable->digits);
    v.exists = state.exists;
    v.value = state.exists ? bytes_told(state.value) : (struct bh_waf_bytes){0};
    v.expires = state.expires;
    v.since = state.since;
    v.rest = state.rest;
    memcpy(v.digits, variable->digits, sizeof v.digits);
    return sized_write(variable, &v, sizeof v) && changed;
}
