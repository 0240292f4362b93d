/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collections that outlast the transaction. What initcol, setsid, setuid and setrsc name is read then and is the
 * transaction's view of it; what rules change goes to the store, and the view becomes what the store made of it.
 */
#include "waf/engine/store.h"
#include "waf/engine/transaction.h"

#include "waf/operator/number.h"

/* Where SecCollectionTimeout does not say: the reference manual's. */
#define TIMEOUT_SECONDS 3600

/* A collection that the transaction has named. */
struct open_collection {
    struct open_collection *next;
    struct waf_collection_key key;
    struct waf_collection_facts facts; /* as they were when it was read */
    bool changed;
};

/* NULL: nobody has named one, and what it holds is the transaction's own. */
static struct open_collection *open_of(const struct waf_transaction *t, uint8_t variable)
{
    struct open_collection *c = t->collections;
    while (c && c->key.collection != variable)
        c = c->next;
    return c;
}

static int64_t default_timeout(const struct waf_transaction *t)
{
    uint64_t given = t->set->settings.collection_timeout;
    return !given ? TIMEOUT_SECONDS : given > INT32_MAX ? INT32_MAX : (int64_t)given;
}

/* Rules can see that a collection is not what it should be, as they see that an expression came to its limit. */
static bool tell_rules(struct waf_transaction *t, const char *what)
{
    limit_passed(t, what);
    return transaction_tell_rules(t, KNOWN_COLLECTION_LIMIT);
}

static bool read_collection(struct waf_transaction *t, struct open_collection *c)
{
    const struct waf_store *s = t->options.store;
    struct waf_values *view = &t->lists[c->key.collection];
    *view = (struct waf_values){0};
    enum waf_store_result result = s->read(s->context, &c->key, t->options.time, t->arena, view, &c->facts);
    if (result == STORE_DONE || result == STORE_MEMORY)
        return result == STORE_DONE;
    *view = (struct waf_values){0};
    c->facts = (struct waf_collection_facts){.is_new = true};
    return tell_rules(t, "a collection could not be read: it is taken for empty");
}

bool collection_open(struct waf_transaction *t, uint8_t variable, struct bytes key)
{
    if (!t->options.store) {
        limit_passed(t, "IP, SESSION, USER, GLOBAL and RESOURCE last for this transaction: no store was given");
        return !t->out_of_memory;
    }
    struct open_collection *c = open_of(t, variable);
    if (c && bytes_equal(c->key.key, key))
        return true;
    if (!c) {
        c = arena_alloc(t->arena, sizeof *c);
        if (!c)
            return false;
        c->next = t->collections;
        t->collections = c;
    }
    c->key = (struct waf_collection_key){.application = t->scalars[VARIABLE_WEBAPPID], .collection = variable, .key = key};
    c->changed = false;
    return read_collection(t, c);
}

bool collection_is_open(const struct waf_transaction *t, uint8_t variable)
{
    return open_of(t, variable) != NULL;
}

/* ---- changes */

static bool is_timeout(struct bytes name)
{
    return names_equal(name, bytes_of_text("TIMEOUT"));
}

/* What the store could not take is the transaction's own. */
static bool change_view(struct waf_transaction *t, struct open_collection *c, const struct waf_change *change)
{
    struct waf_values *view = &t->lists[c->key.collection];
    const struct waf_value *there = values_find(view, change->name);
    struct bytes number;
    switch ((enum waf_change_kind)change->kind) {
    case CHANGE_SET:
        return values_set(view, c->key.collection, change->name, change->value, t->arena);
    case CHANGE_ADD:
        return bytes_of_number((there ? number_of_32(there->value) : 0) + change->number, t->arena, &number) &&
            values_set(view, c->key.collection, change->name, number, t->arena);
    case CHANGE_REMOVE:
        return values_remove(view, change->name);
    case CHANGE_EXPIRE:
    case CHANGE_DEPRECATE:
    case CHANGE_TIMEOUT:
        break;
    }
    return true;
}

static bool change(struct waf_transaction *t, struct open_collection *c, struct waf_change *change)
{
    const struct waf_store *s = t->options.store;
    struct waf_values *view = &t->lists[c->key.collection];
    struct waf_changed now = {0};
    change->first = !c->changed;
    change->timeout = default_timeout(t);
    enum waf_store_result result = s->change(s->context, &c->key, change, t->options.time, t->arena, &now);
    if (result == STORE_MEMORY)
        return false;
    if (result != STORE_DONE)
        return change_view(t, c, change) &&
            tell_rules(t, result == STORE_NO_ROOM ? "a change to a collection was not kept: there is no room for it" : "a change to a collection was not kept: its store does not answer");
    c->changed = true;
    if (change->kind == CHANGE_TIMEOUT) {
        c->facts.timeout = change->number;
        return true;
    }
    if (now.exists)
        return values_set(view, c->key.collection, change->name, now.value, t->arena);
    return values_remove(view, change->name);
}

/* TIMEOUT is no variable of the collection, but how long it is kept. */
static bool set_timeout(struct waf_transaction *t, struct open_collection *c, uint8_t operation, int64_t n)
{
    int64_t before = c->facts.timeout ? c->facts.timeout : default_timeout(t);
    struct waf_change wanted = {.kind = CHANGE_TIMEOUT};
    switch ((enum setvar_operation)operation) {
    case SETVAR_SET:
        wanted.number = n;
        break;
    case SETVAR_ADD:
        wanted.number = before + n;
        break;
    case SETVAR_SUBTRACT:
        wanted.number = before - n;
        break;
    case SETVAR_ONE:
        wanted.number = 1;
        break;
    case SETVAR_UNSET:
        wanted.number = default_timeout(t);
        break;
    }
    if (wanted.number < 0)
        wanted.number = 0;
    return change(t, c, &wanted);
}

bool collection_set(struct waf_transaction *t, const struct waf_action *a, struct bytes name, struct bytes value)
{
    static const uint8_t kinds[] = {[SETVAR_SET] = CHANGE_SET, [SETVAR_ADD] = CHANGE_ADD, [SETVAR_SUBTRACT] = CHANGE_ADD, [SETVAR_ONE] = CHANGE_SET, [SETVAR_UNSET] = CHANGE_REMOVE};
    struct open_collection *c = open_of(t, a->variable);
    int64_t n = number_of_32(value);
    if (!c)
        return true;
    if (is_timeout(name))
        return set_timeout(t, c, a->operation, n);
    struct waf_change wanted = {.kind = kinds[a->operation], .name = name, .value = value, .number = a->operation == SETVAR_SUBTRACT ? -n : n};
    return change(t, c, &wanted);
}

bool collection_expire(struct waf_transaction *t, uint8_t variable, struct bytes name, int64_t seconds)
{
    struct open_collection *c = open_of(t, variable);
    if (!c)
        return true; /* TX, and what nobody has named, end with the transaction */
    struct waf_change wanted = {.kind = CHANGE_EXPIRE, .name = name};
    if (__builtin_add_overflow(t->options.time, seconds > 0 ? seconds : 0, &wanted.number))
        wanted.number = INT64_MAX;
    return change(t, c, &wanted);
}

bool collection_deprecate(struct waf_transaction *t, const struct waf_action *a, struct bytes name)
{
    struct open_collection *c = open_of(t, a->variable);
    struct waf_change wanted = {.kind = CHANGE_DEPRECATE, .name = name, .number = a->number, .period = a->period};
    return !c || change(t, c, &wanted);
}

/* ---- what rules can ask of a collection */

/* Updates in a minute since it was made. */
static int64_t update_rate(const struct waf_transaction *t, const struct waf_collection_facts *f)
{
    int64_t seconds = t->options.time - f->created, updates = f->updates > INT32_MAX ? INT32_MAX : (int64_t)f->updates;
    return seconds > 0 ? updates * 60 / seconds : 0;
}

bool collection_fact(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes *ret)
{
    const struct open_collection *c = open_of(t, variable);
    if (!c)
        return false;
    if (names_equal(name, bytes_of_text("KEY"))) {
        *ret = c->key.key;
        return true;
    }
    const struct {
        const char *name;
        int64_t value;
    } facts[] = {
        {"CREATE_TIME", c->facts.is_new ? t->options.time : c->facts.created},
        {"IS_NEW", c->facts.is_new},
        {"LAST_UPDATE_TIME", c->facts.updated},
        {"TIMEOUT", c->facts.timeout ? c->facts.timeout : default_timeout(t)},
        {"UPDATE_COUNTER", c->facts.updates > INT64_MAX ? INT64_MAX : (int64_t)c->facts.updates},
        {"UPDATE_RATE", update_rate(t, &c->facts)},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (names_equal(name, bytes_of_text(facts[i].name))) {
            if (!bytes_of_number(facts[i].value, t->arena, ret))
                t->out_of_memory = true;
            return true;
        }
    return false;
}
