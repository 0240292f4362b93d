/* SPDX-License-Identifier: Apache-2.0 */
/* libmodsecurity as a peer of the engine: messages in, ids of the rules that log in the order in which they do. */
#pragma once

#include "tests/differential/waf_harness.h"

#define IDS_MAX 2000

struct ids {
    long items[IDS_MAX];
    size_t count;
};

static inline void ids_add(struct ids *ids, long id)
{
    if (ids->count == IDS_MAX)
        abort();
    ids->items[ids->count++] = id;
}

struct peer;

/* NULL: the rules do not load; why is printed. */
struct peer *peer_open(const char *rules) MUST_USE;
void peer_close(struct peer *p);
/* With the client, its port and the id of the transaction that `o` says. Adds to `ret`. */
void peer_inspect(struct peer *p, const struct waf_options *o, const struct messages *m, struct ids *ret);

/* One line of TAP's comments. */
void show_ids(const char *who, const struct ids *ids);
