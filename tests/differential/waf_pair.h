/* SPDX-License-Identifier: Apache-2.0 */
/* The engine and libmodsecurity on the same rules, given the same messages, and how they differ. */
#pragma once

#include "tests/differential/waf_known.h"
#include "tests/differential/waf_peer.h"

/* Of all messages so far. `cases` by entry: messages in which it excused something. */
struct pair_tally {
    size_t messages, unread, fired, different;
    size_t cases[KNOWN_COUNT];
};

struct pair;

/*
 * `folder`: of the Core Rule Set's files; `places`: a database for @geoLookup. Each pair remembers what rules do: of its own
 * engine in collections, and in the counts below. NULL: something does not load, and why is printed.
 */
struct pair *pair_open(const char *folder, const char *places) MUST_USE;
void pair_close(struct pair *p);
const struct waf_rule_set *pair_set(const struct pair *p);

struct pair_who {
    enum setup setup;
    int level;
    const char *client, *unique_id; /* NULL: this machine, and "x" */
};

/* Both engines on the message. False: it cannot be read as HTTP. */
bool pair_inspect(struct pair *p, const struct pair_who *who, const struct exchange *x, struct ids *ours, struct ids *peers, struct waf_differences *ret) MUST_USE;
/* The same, counted: false when they differ in what nothing excuses, which is shown under `title`. */
bool pair_compare(struct pair *p, const struct pair_who *who, const struct exchange *x, const char *title, struct pair_tally *tally);

/* How often the rule fired in ours, as one that does not log too, and in the peer. */
size_t pair_fired(const struct pair *p, uint32_t rule);
size_t pair_fired_in_peer(const struct pair *p, long id);
