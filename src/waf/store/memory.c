/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/store/memory.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/table.h"
#include "waf/store/collection.h"

#define SHARDS 16
#define SHARDED_FROM 4096 /* collections; fewer are kept together, so that the bounds are exact */

/* A part of the collections, by their hash. */
struct shard {
    pthread_mutex_t lock;
    struct kept_collection **buckets;
    size_t bucket_count; /* a power of 2 */
    size_t count, most;
    struct kept_collection *newest, *oldest; /* by use */
    struct room room;
    uint64_t gave_way;
};

struct memory_store {
    struct collection_limits limits;
    uint64_t seed[2];
    size_t shard_count;
    struct shard shards[SHARDS];
};

static size_t power_of_two(size_t at_least)
{
    size_t n = 1;
    while (n < at_least && n <= SIZE_MAX / 2)
        n *= 2;
    return n;
}

static bool shard_init(struct shard *s, size_t collections, size_t bytes)
{
    *s = (struct shard){.bucket_count = power_of_two(collections), .most = collections, .room.most = bytes};
    s->buckets = calloc(s->bucket_count, sizeof(struct kept_collection *));
    if (s->buckets && pthread_mutex_init(&s->lock, NULL) == 0)
        return true;
    free(s->buckets);
    return false;
}

struct memory_store *memory_store_create(const struct memory_store_limits *l)
{
    struct memory_store *s = calloc(1, sizeof *s);
    size_t shards = l->collections >= SHARDED_FROM ? SHARDS : 1, bytes = l->bytes / shards;
    if (!s)
        return NULL;
    s->limits = (struct collection_limits){.variables = l->variables, .bytes = l->collection_bytes < bytes ? l->collection_bytes : bytes};
    s->seed[0] = l->seed[0];
    s->seed[1] = l->seed[1];
    for (; s->shard_count < shards; s->shard_count++)
        if (!shard_init(&s->shards[s->shard_count], l->collections / shards, bytes)) {
            memory_store_destroy(s);
            return NULL;
        }
    return s;
}

/* ---- what is in a shard; its lock is held */

static struct kept_collection **bucket_of(struct shard *s, uint64_t hash)
{
    return &s->buckets[(hash >> 8) & (s->bucket_count - 1)]; /* the low bits chose the shard */
}

static void use_unlink(struct shard *s, struct kept_collection *c)
{
    *(c->newer ? &c->newer->older : &s->newest) = c->older;
    *(c->older ? &c->older->newer : &s->oldest) = c->newer;
}

static void use_first(struct shard *s, struct kept_collection *c)
{
    c->newer = NULL;
    c->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = c;
    s->newest = c;
}

static void forget(struct shard *s, struct kept_collection *c)
{
    struct kept_collection **at = bucket_of(s, c->hash);
    while (*at != c)
        at = &(*at)->chain;
    *at = c->chain;
    use_unlink(s, c);
    s->count--;
    collection_free(c, &s->room);
}

/* The collection, now the last used; NULL when there is none, or it has ended. */
static struct kept_collection *find(struct shard *s, const struct waf_collection_key *k, uint64_t hash, int64_t now)
{
    struct kept_collection *c = *bucket_of(s, hash);
    while (c && !(c->hash == hash && collection_is(c, k)))
        c = c->chain;
    if (!c)
        return NULL;
    if (c->expires <= now) {
        forget(s, c);
        return NULL;
    }
    use_unlink(s, c);
    use_first(s, c);
    return c;
}

/* Room for `bytes` more, and for one more collection where `one` says so; `kept`, the last used if any, stays. */
static bool make_room(struct shard *s, size_t bytes, bool one, const struct kept_collection *kept, int64_t now)
{
    if (bytes > s->room.most)
        return false;
    while (s->room.used > s->room.most - bytes || (one && s->count >= s->most)) {
        if (!s->oldest || s->oldest == kept)
            return false;
        s->gave_way += s->oldest->expires > now;
        forget(s, s->oldest);
    }
    return true;
}

static struct kept_collection *add(struct shard *s, const struct waf_collection_key *k, uint64_t hash, const struct waf_change *change, int64_t now,
    const struct collection_limits *limits)
{
    size_t size = collection_size(k), all = size + change_size(change);
    if (all > limits->bytes || !make_room(s, all, true, NULL, now))
        return NULL;
    struct kept_collection *c = collection_new(k, hash, change->timeout, now, &s->room);
    if (!c)
        return NULL;
    struct kept_collection **bucket = bucket_of(s, hash);
    c->chain = *bucket;
    *bucket = c;
    use_first(s, c);
    s->count++;
    return c;
}

/* ---- the store's functions */

static struct shard *shard_of(struct memory_store *s, const struct waf_collection_key *k, uint64_t *ret_hash)
{
    /* Where the application's name ends and the key begins is compared later, kind and all. */
    uint64_t parts[3] = {siphash(s->seed, k->application), siphash(s->seed, k->key), k->collection};
    *ret_hash = siphash(s->seed, bytes_of(parts, sizeof parts));
    return &s->shards[*ret_hash % s->shard_count];
}

static void tell(const struct kept_collection *c, struct waf_collection_facts *ret)
{
    *ret = (struct waf_collection_facts){.created = c->created, .updated = c->updated, .timeout = c->timeout, .updates = c->updates};
}

static enum waf_store_result memory_read(void *context, const struct waf_collection_key *k, int64_t now, struct arena *a, struct waf_values *ret,
    struct waf_collection_facts *ret_facts)
{
    uint64_t hash;
    struct shard *s = shard_of(context, k, &hash);
    *ret_facts = (struct waf_collection_facts){.is_new = true};
    pthread_mutex_lock(&s->lock);
    struct kept_collection *c = find(s, k, hash, now);
    bool ok = !c || collection_read(c, now, &s->room, a, ret);
    if (c)
        tell(c, ret_facts);
    pthread_mutex_unlock(&s->lock);
    return ok ? STORE_DONE : STORE_MEMORY;
}

static bool makes_collection(const struct waf_change *change)
{
    return change->kind == CHANGE_SET || change->kind == CHANGE_ADD || change->kind == CHANGE_TIMEOUT;
}

static enum waf_store_result change_in(struct shard *s, const struct waf_collection_key *k, uint64_t hash, const struct waf_change *change, int64_t now,
    const struct collection_limits *limits, struct arena *a, struct waf_changed *ret)
{
    struct kept_collection *c = find(s, k, hash, now);
    bool new = !c && makes_collection(change);
    if (new)
        c = add(s, k, hash, change, now, limits);
    if (!c)
        return new ? STORE_NO_ROOM : STORE_DONE;
    if (!make_room(s, change_size(change), false, c, now))
        return STORE_NO_ROOM;
    enum waf_store_result result = collection_change(c, change, now, limits, &s->room, a, ret);
    if (new && result == STORE_NO_ROOM)
        forget(s, c);
    return result;
}

static enum waf_store_result memory_change(void *context, const struct waf_collection_key *k, const struct waf_change *change, int64_t now, struct arena *a,
    struct waf_changed *ret)
{
    struct memory_store *store = context;
    uint64_t hash;
    struct shard *s = shard_of(store, k, &hash);
    *ret = (struct waf_changed){0};
    pthread_mutex_lock(&s->lock);
    enum waf_store_result result = change_in(s, k, hash, change, now, &store->limits, a, ret);
    pthread_mutex_unlock(&s->lock);
    return result;
}

struct waf_store memory_store_lend(struct memory_store *s)
{
    return (struct waf_store){s, memory_read, memory_change};
}

void memory_store_destroy(struct memory_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->shard_count; i++) {
        while (s->shards[i].oldest)
            forget(&s->shards[i], s->shards[i].oldest);
        pthread_mutex_destroy(&s->shards[i].lock);
        free(s->shards[i].buckets);
    }
    free(s);
}

struct memory_store_state memory_store_look(struct memory_store *s)
{
    struct memory_store_state state = {0};
    for (size_t i = 0; i < s->shard_count; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        state.collections += s->shards[i].count;
        state.bytes += s->shards[i].room.used;
        state.gave_way += s->shards[i].gave_way;
        pthread_mutex_unlock(&s->shards[i].lock);
    }
    return state;
}

void memory_store_fail_at(struct memory_store *s, uint64_t nth)
{
    for (size_t i = 0; i < s->shard_count; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        s->shards[i].room.fail_at = nth ? s->shards[i].room.asked + nth : 0;
        pthread_mutex_unlock(&s->shards[i].lock);
    }
}
