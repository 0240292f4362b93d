/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow events as records: one JSON object a line, with the names of OCSF 1.x (network activity, 4001, profile
 * security_control), and the bounded file that keeps them.
 */
#pragma once

#include "base/text.h"
#include "bpf/abi.h"
#include "policy/model.h"

#define RECORDS_FILE "flows.jsonl"
#define RECORDS_BYTES ((size_t)8 << 20) /* then the file is rotated; one older one is kept */

/*
 * What a link tells beyond its share, in a flood or a scan, has a file of its own, so that none of what others told goes
 * to make room for it: so many records at once, and one more each while.
 */
#define RECORDS_BEYOND_FILE "flows-beyond.jsonl"
#define RECORDS_SHARE 2000
#define RECORDS_SHARE_NS 500000000

/* The files whose lines are the records of a network, each with an older one, ".1". */
extern const char *const record_files[2];

/* What a record needs besides the event. */
struct record_context {
    const struct policy *policy; /* of the event's generation; NULL: not known any more */
    const char *network;
    int64_t monotonic_to_utc_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

void record_event(const struct record_context *c, const struct event *e, struct text *out);
/* What the agent did or found: kind "repair", "lost", "renew" ... */
void record_note(const char *network, int64_t now_ns, const char *kind, const char *what, struct text *out);
/* RFC 3339, UTC, microseconds. */
void record_time(int64_t ns, struct text *out);

/* An event's address, port and name as people write them: "orders:8080", "203.0.113.7". */
void event_party(const struct policy *p, const struct event *e, bool to, struct text *out);

/* The value after `"key": ` in a line of ours, up to the end of a string or number; "" when it is not there. */
void record_field(const char *line, const char *key, char *out, size_t size);

/* Of each link, when it has its whole share again; ns. */
struct record_shares {
    int64_t *whole;
    uint32_t count; /* of links */
};

/* Takes one from the link's share; false: nothing is left of it. */
bool record_share_take(struct record_shares *s, uint32_t link, int64_t now_ns);

struct record_file {
    int fd;
    size_t size;
    char path[512];
};
bool record_open(const char *path, struct record_file *ret) MUST_USE;
bool record_write(struct record_file *r, const struct text *t) MUST_USE;
void record_close(struct record_file *r);
