/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/sessions.h"

#include "base/table.h"

#include <netinet/in.h>
#include <stdlib.h>

_Static_assert(sizeof(struct session_key) == 38, "a key is compared as bytes");

#define BUCKETS_FIRST 64

struct session_key session_key_of(uint8_t protocol, const struct address *from, uint16_t from_port,
                                  const struct address *to, uint16_t to_port)
{
    struct session_key k = {
        .family = from->family, .protocol = protocol, .from_port = from_port, .to_port = to_port};
    memcpy(k.from, from->octets, 16);
    memcpy(k.to, to->octets, 16);
    return k;
}

struct session_key session_key_reversed(const struct session_key *k)
{
    struct session_key r = {
        .family = k->family, .protocol = k->protocol, .from_port = k->to_port, .to_port = k->from_port};
    memcpy(r.from, k->to, 16);
    memcpy(r.to, k->from, 16);
    return r;
}

struct flow session_flow(const struct session_key *k)
{
    struct flow f = {.from = {.family = k->family}, .to = {.family = k->family}, .protocol = k->protocol};
    memcpy(f.from.octets, k->from, 16);
    memcpy(f.to.octets, k->to, 16);
    if (protocol_has_ports(k->protocol))
        f.port = k->to_port;
    return f;
}

void sessions_free(struct sessions *t)
{
    sessions_keep(t, NULL, NULL);
    free(t->buckets);
    *t = (struct sessions){0};
}

static struct reference_session **place_of(const struct sessions *t, const struct session_key *k)
{
    /* Tests choose the keys, not strangers: a fixed seed is enough. */
    static const uint64_t seed[2] = {0x62756c6b68656164, 0x7265666572656e63};
    struct reference_session **at = &t->buckets[siphash(seed, bytes_of(k, sizeof *k)) & (t->bucket_count - 1)];
    while (*at && memcmp(&(*at)->key, k, sizeof *k) != 0)
        at = &(*at)->next;
    return at;
}

struct reference_session *sessions_find(const struct sessions *t, const struct session_key *k)
{
    return t->bucket_count ? *place_of(t, k) : NULL;
}

static bool grow(struct sessions *t)
{
    struct sessions larger = {.bucket_count = t->bucket_count ? t->bucket_count * 2 : BUCKETS_FIRST,
                              .count = t->count};
    larger.buckets = calloc(larger.bucket_count, sizeof(struct reference_session *));
    if (!larger.buckets)
        return false;
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (struct reference_session *s = t->buckets[i], *next; s; s = next) {
            next = s->next;
            s->next = NULL;
            *place_of(&larger, &s->key) = s;
        }
    }
    free(t->buckets);
    *t = larger;
    return true;
}

struct reference_session *sessions_put(struct sessions *t, const struct reference_session *s)
{
    struct reference_session *old = sessions_find(t, &s->key);
    if (old) {
        struct reference_session *next = old->next;
        *old = *s;
        old->next = next;
        return old;
    }
    if (t->count >= t->bucket_count && !grow(t))
        return NULL;
    struct reference_session *new = malloc(sizeof *new);
    if (!new)
        return NULL;
    *new = *s;
    new->next = NULL;
    *place_of(t, &new->key) = new;
    t->count++;
    return new;
}

void sessions_remove(struct sessions *t, struct reference_session *s)
{
    struct reference_session **at = place_of(t, &s->key);
    *at = s->next;
    free(s);
    t->count--;
}

void sessions_keep(struct sessions *t, session_test *test, const void *context)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        struct reference_session **at = &t->buckets[i];
        while (*at) {
            struct reference_session *s = *at;
            if (test && test(s, context)) {
                at = &s->next;
                continue;
            }
            *at = s->next;
            free(s);
            t->count--;
        }
    }
}

struct reference_session *sessions_any(const struct sessions *t, session_test *test, const void *context)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (struct reference_session *s = t->buckets[i]; s; s = s->next) {
            if (test(s, context))
                return s;
        }
    }
    return NULL;
}

size_t sessions_count(const struct sessions *t, session_test *test, const void *context)
{
    size_t count = 0;
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (const struct reference_session *s = t->buckets[i]; s; s = s->next)
            count += test(s, context);
    }
    return count;
}
