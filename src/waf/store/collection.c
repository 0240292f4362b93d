/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/store/collection.h"

#include <stdlib.h>

#include "waf/store/variable.h"

struct kept_variable {
    struct kept_variable *next;
    int64_t expires, since, rest; /* as of struct variable_state */
    size_t name_len, value_len;
    uint8_t text[];  /* name, value */
};

void *room_take(struct room *r, size_t size)
{
    r->asked++;
    if ((r->fail_at && r->asked >= r->fail_at) || size > r->most - r->used)
        return NULL;
    void *at = malloc(size);
    if (at)
        r->used += size;
    return at;
}

void room_give(struct room *r, void *at, size_t size)
{
    free(at);
    r->used -= size;
}

/* ---- collections */

size_t collection_size(const struct waf_collection_key *k)
{
    return sizeof(struct kept_collection) + k->application.len + k->key.len;
}

size_t change_size(const struct waf_change *change)
{
    switch ((enum waf_change_kind)change->kind) {
    case CHANGE_SET:
        return sizeof(struct kept_variable) + change->name.len + change->value.len;
    case CHANGE_ADD:
    case CHANGE_DEPRECATE:
        return sizeof(struct kept_variable) + change->name.len + VARIABLE_DIGITS;
    default:
        return 0;
    }
}

static void copy(uint8_t *to, struct bytes from)
{
    if (from.len)
        memcpy(to, from.at, from.len);
}

struct kept_collection *collection_new(const struct waf_collection_key *k, uint64_t hash, int64_t timeout, int64_t now, struct room *room)
{
    size_t size = collection_size(k);
    struct kept_collection *c = room_take(room, size);
    if (!c)
        return NULL;
    *c = (struct kept_collection){.hash = hash, .created = now, .updated = now, .timeout = timeout, .expires = saturating_add(now, timeout), .kind = k->collection,
        .application_len = k->application.len, .key_len = k->key.len, .bytes = size};
    copy(c->text, k->application);
    copy(c->text + k->application.len, k->key);
    return c;
}

bool collection_is(const struct kept_collection *c, const struct waf_collection_key *k)
{
    return c->kind == k->collection && bytes_equal(bytes_of(c->text, c->application_len), k->application) &&
        bytes_equal(bytes_of(c->text + c->application_len, c->key_len), k->key);
}

/* ---- variables */

static struct bytes name_of(const struct kept_variable *v)
{
    return bytes_of(v->text, v->name_len);
}

static struct bytes value_of(const struct kept_variable *v)
{
    return bytes_of(v->text + v->name_len, v->value_len);
}

static size_t size_of(const struct kept_variable *v)
{
    return sizeof *v + v->name_len + v->value_len;
}

/* Takes the variable at `*at` out. */
static void drop(struct kept_collection *c, struct kept_variable **at, struct room *room)
{
    struct kept_variable *v = *at;
    size_t size = size_of(v);
    *at = v->next;
    c->bytes -= size;
    c->variable_count--;
    room_give(room, v, size);
}

static void drop_expired(struct kept_collection *c, int64_t now, struct room *room)
{
    for (struct kept_variable **at = &c->variables; *at;)
        if ((*at)->expires <= now)
            drop(c, at, room);
        else
            at = &(*at)->next;
}

void collection_free(struct kept_collection *c, struct room *room)
{
    while (c->variables)
        drop(c, &c->variables, room);
    room_give(room, c, c->bytes);
}

bool collection_read(struct kept_collection *c, int64_t now, struct room *room, struct arena *a, struct waf_values *ret)
{
    drop_expired(c, now, room);
    for (const struct kept_variable *v = c->variables; v; v = v->next) {
        struct waf_value value = {.variable = c->kind};
        if (!bytes_copy(name_of(v), a, &value.name) || !bytes_copy(value_of(v), a, &value.value) || !values_add(ret, value, a))
            return false;
    }
    return true;
}

/* Where the variable is, or where it would be put. */
static struct kept_variable **find(struct kept_collection *c, struct bytes name)
{
    struct kept_variable **at = &c->variables;
    while (*at && !names_equal(name_of(*at), name))
        at = &(*at)->next;
    return at;
}

static struct variable_state state_of(const struct kept_variable *v)
{
    return v ? (struct variable_state){true, value_of(v), v->expires, v->since, v->rest} : (struct variable_state){0};
}

static void keep_times(struct kept_variable *v, const struct variable_state *state)
{
    v->expires = state->expires;
    v->since = state->since;
    v->rest = state->rest;
}

/* The variable at `*at` becomes what `state` says; made where there is none. */
static enum waf_store_result put(struct kept_collection *c, struct kept_variable **at, struct bytes name, const struct variable_state *state,
    const struct collection_limits *limits, struct room *room)
{
    struct kept_variable *old = *at;
    struct bytes value = state->value;
    size_t size = sizeof *old + name.len + value.len, before = old ? size_of(old) : 0;
    if (c->bytes - before + size > limits->bytes || (!old && c->variable_count >= limits->variables))
        return STORE_NO_ROOM;
    struct kept_variable *v = room_take(room, size);
    if (!v)
        return STORE_NO_ROOM;
    *v = (struct kept_variable){.next = old ? old->next : NULL, .name_len = name.len, .value_len = value.len};
    keep_times(v, state);
    copy(v->text, name);
    copy(v->text + name.len, value);
    *at = v;
    c->bytes += size - before;
    c->variable_count += !old;
    if (old)
        room_give(room, old, before);
    return STORE_DONE;
}

/* As variable_change left it. */
static enum waf_store_result keep(struct kept_collection *c, struct kept_variable **at, struct bytes name, const struct variable_state *state,
    const struct collection_limits *limits, struct room *room)
{
    if (state->exists && !(*at && state->value.at == value_of(*at).at))
        return put(c, at, name, state, limits, room);
    if (state->exists)
        keep_times(*at, state);
    else if (*at)
        drop(c, at, room);
    return STORE_DONE;
}

enum waf_store_result collection_change(struct kept_collection *c, const struct waf_change *change, int64_t now, const struct collection_limits *limits,
    struct room *room, struct arena *a, struct waf_changed *ret)
{
    char digits[VARIABLE_DIGITS];
    drop_expired(c, now, room);
    struct kept_variable **at = find(c, change->name);
    struct variable_state state = state_of(*at);
    bool changed = variable_change(&state, change, now, digits);
    enum waf_store_result result = keep(c, at, change->name, &state, limits, room);
    *ret = (struct waf_changed){.exists = result == STORE_DONE && state.exists};
    if (result != STORE_DONE)
        return result;
    if (change->kind == CHANGE_TIMEOUT)
        c->timeout = change->number;
    if (changed) {
        c->updated = now;
        c->updates += change->first;
        c->expires = saturating_add(now, c->timeout);
    }
    return !ret->exists || bytes_copy(value_of(*at), a, &ret->value) ? STORE_DONE : STORE_MEMORY;
}
