/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all parsers share: where they tell what they find, and the bounds that hold for every format. Only the files of
 * this folder need it.
 */
#pragma once

#include "waf/body/body.h"

struct report {
    struct body_sink sink;
    struct body_limits limits;
    struct arena *arena;
    enum body_status status;
    size_t arguments, argument_bytes; /* given so far */
    size_t received;                  /* bytes of the body */
    bool passed[BODY_LIMIT_COUNT];    /* bounds that were told */
};

/* Each returns false when the report's status became BODY_STOPPED. */
bool report_event(struct report *r, const struct body_event *event) MUST_USE;
bool report_flag(struct report *r, enum body_flag flag, size_t value) MUST_USE;
bool report_limit(struct report *r, enum body_limit limit, size_t bound) MUST_USE;
bool report_error(struct report *r, struct bytes text) MUST_USE;
/* false too when a bound does not let it in. */
bool report_argument(struct report *r, enum body_event_kind kind, struct bytes name, struct bytes value) MUST_USE;
/* Memory is out. Always false. */
bool report_no_memory(struct report *r);
/* A copy in the arena; false when memory is out. */
bool report_copy(struct report *r, struct bytes from, struct bytes *ret) MUST_USE;

/* Bytes that grow in the arena. */
struct growing {
    uint8_t *at;
    size_t len, capacity;
};
bool growing_append(struct report *r, struct growing *g, struct bytes more) MUST_USE;
static inline struct bytes growing_bytes(const struct growing *g)
{
    return bytes_of(g->at, g->len);
}
