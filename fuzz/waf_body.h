/* SPDX-License-Identifier: Apache-2.0 */
/* What the four targets of the body parsers do with their bytes. */
#pragma once

#include <stdlib.h>

#include "base/arena.h"
#include "waf/body/body.h"

struct fuzz_sum {
    uint64_t hash;
    size_t events;
};

static inline void fuzz_mix(struct fuzz_sum *s, struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        s->hash = (s->hash ^ b.at[i]) * 1099511628211u;
    s->hash = (s->hash ^ b.len) * 1099511628211u;
}

static inline bool fuzz_take(void *context, const struct body_event *e)
{
    struct fuzz_sum *s = context;
    s->events++;
    s->hash = (s->hash ^ (uint64_t)e->kind ^ e->number << 8) * 1099511628211u;
    fuzz_mix(s, e->name);
    fuzz_mix(s, e->value);
    return true;
}

static inline struct fuzz_sum fuzz_run(enum body_kind kind, struct bytes body, size_t piece, size_t ceiling,
                                       enum body_status *ret)
{
    struct fuzz_sum sum = {0};
    struct body_limits limits = {.argument_bytes = (size_t)1 << 20};
    struct arena *arena = arena_create(ceiling);
    if (!arena)
        abort();
    struct body *b = body_begin(kind, bytes_of_text("multipart/form-data; boundary=B"), &limits,
                                (struct body_sink){.take = fuzz_take, .context = &sum}, arena);
    *ret = BODY_STOPPED;
    for (size_t at = 0; b && at < body.len; at += piece)
        *ret = body_feed(b, bytes_slice(body, at, piece));
    if (b)
        *ret = body_end(b);
    body_release(b);
    arena_destroy(arena);
    return sum;
}

static inline void fuzz_body(enum body_kind kind, struct bytes body)
{
    enum body_status whole, pieces, small;
    struct fuzz_sum a = fuzz_run(kind, body, body.len ? body.len : 1, (size_t)256 << 20, &whole);
    struct fuzz_sum b = fuzz_run(kind, body, 7, (size_t)256 << 20, &pieces);
    if (whole != pieces || a.events != b.events || a.hash != b.hash)
        abort();
    (void)fuzz_run(kind, body, 64, (size_t)20 << 10, &small);
}
