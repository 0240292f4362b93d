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

struct record_file {
    int fd;
    size_t size;
    char path[512];
};
bool record_open(const char *path, struct record_file *ret) MUST_USE;
bool record_write(struct record_file *r, const struct text *t) MUST_USE;
void record_close(struct record_file *r);
