/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/store/collection.h"

#include <stdio.h>
#include <stdlib.h>

#include "waf/operator/number.h"

#define NEVER INT64_MAX
#define DIGITS 24 /* of a number of 64 bits, with its sign and NUL */

struct kept_variable {
    struct kept_variable *next;
    int64_t expires; /* gone from this second on */
    int64_t since;   /* CHANGE_DEPRECATE has been done until then */
    int64_t rest;    /* what it has not taken yet, in parts of its period */
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

int64_t saturating_add(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
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
        return sizeof(struct kept_variable) + change->name.len + DIGITS;
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

/* The variable at `*at` gets the value; made where there is none. */
static enum waf_store_result put(struct kept_collection *c, struct kept_variable **at, struct bytes name, struct bytes value, int64_t now,
    const struct collection_limits *limits, struct room *room)
{
    struct kept_variable *old = *at;
    size_t size = sizeof *old + name.len + value.len, before = old ? size_of(old) : 0;
    if (c->bytes - before + size > limits->bytes || (!old && c->variable_count >= limits->variables))
        return STORE_NO_ROOM;
    struct kept_variable *v = room_take(room, size);
    if (!v)
        return STORE_NO_ROOM;
    *v = (struct kept_variable){.next = old ? old->next : NULL, .expires = old ? old->expires : NEVER, .since = now, .name_len = name.len, .value_len = value.len};
    copy(v->text, name);
    copy(v->text + name.len, value);
    *at = v;
    c->bytes += size - before;
    c->variable_count += !old;
    if (old)
        room_give(room, old, before);
    return STORE_DONE;
}

static enum waf_store_result put_number(struct kept_collection *c, struct kept_variable **at, struct bytes name, int64_t n, int64_t now,
    const struct collection_limits *limits, struct room *room)
{
    char text[DIGITS];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    int64_t since = *at ? (*at)->since : now, rest = *at ? (*at)->rest : 0;
    bool positive = *at && number_of_32(value_of(*at)) > 0;
    enum waf_store_result result = put(c, at, name, bytes_of(text, (size_t)len), now, limits, room);
    if (result == STORE_DONE && positive) {
        (*at)->since = since;
        (*at)->rest = rest;
    }
    return result;
}

/* What is to be taken from it by now; what is left of a whole one is kept for later. */
static int64_t due(struct kept_variable *v, const struct waf_change *change, int64_t now)
{
    int64_t whole, passed = now - v->since;
    if (passed <= 0)
        return 0;
    bool large = __builtin_mul_overflow(passed, change->number, &whole) || __builtin_add_overflow(whole, v->rest, &whole);
    v->since = now;
    v->rest = large ? 0 : whole % change->period;
    return large ? INT64_MAX : whole / change->period;
}

static enum waf_store_result deprecate(struct kept_collection *c, struct kept_variable **at, const struct waf_change *change, int64_t now,
    const struct collection_limits *limits, struct room *room, bool *ret_changed)
{
    int64_t since = (*at)->since, rest = (*at)->rest;
    int64_t before = number_of_32(value_of(*at)), after = saturating_add(before, -due(*at, change, now));
    if (after < 0)
        after = 0;
    *ret_changed = after != before;
    enum waf_store_result result = *ret_changed ? put_number(c, at, change->name, after, now, limits, room) : STORE_DONE;
    if (result != STORE_DONE) { /* not at all, then */
        (*at)->since = since;
        (*at)->rest = rest;
    }
    return result;
}

static enum waf_store_result change_variable(struct kept_collection *c, struct kept_variable **at, const struct waf_change *change, int64_t now,
    const struct collection_limits *limits, struct room *room, bool *ret_changed)
{
    *ret_changed = true;
    switch ((enum waf_change_kind)change->kind) {
    case CHANGE_SET:
        return put(c, at, change->name, change->value, now, limits, room);
    case CHANGE_ADD:
        return put_number(c, at, change->name, saturating_add(*at ? number_of_32(value_of(*at)) : 0, change->number), now, limits, room);
    case CHANGE_TIMEOUT:
        c->timeout = change->number;
        return STORE_DONE;
    case CHANGE_REMOVE:
    case CHANGE_EXPIRE:
    case CHANGE_DEPRECATE:
        break;
    }
    *ret_changed = *at != NULL;
    if (!*at)
        return STORE_DONE;
    if (change->kind == CHANGE_DEPRECATE)
        return deprecate(c, at, change, now, limits, room, ret_changed);
    if (change->kind == CHANGE_REMOVE)
        drop(c, at, room);
    else
        (*at)->expires = change->number;
    return STORE_DONE;
}

enum waf_store_result collection_change(struct kept_collection *c, const struct waf_change *change, int64_t now, const struct collection_limits *limits,
    struct room *room, struct arena *a, struct waf_changed *ret)
{
    bool changed;
    drop_expired(c, now, room);
    struct kept_variable **at = find(c, change->name);
    enum waf_store_result result = change_variable(c, at, change, now, limits, room, &changed);
    *ret = (struct waf_changed){.exists = result == STORE_DONE && change->kind != CHANGE_REMOVE && *at};
    if (result != STORE_DONE)
        return result;
    if (changed) {
        c->updated = now;
        c->updates += change->first;
        c->expires = saturating_add(now, c->timeout);
    }
    return !ret->exists || bytes_copy(value_of(*at), a, &ret->value) ? STORE_DONE : STORE_MEMORY;
}
