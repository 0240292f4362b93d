/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the multipart parser share: flags, and the two headers that it reads closely. */
#pragma once

#include "waf/body/report.h"

/* Values of enum body_flag, as they will be told. */
typedef uint8_t multipart_flags[BODY_FLAG_COUNT];

/* The boundary within a Content-Type. NULL, or what is wrong with it. */
const char *boundary_parse(struct bytes content_type, multipart_flags flags, struct bytes *ret) MUST_USE;

struct disposition {
    struct bytes name, filename; /* empty: not there */
};

/* The value of a Content-Disposition, without NUL: 1, or the negative number of what is wrong, as the peer numbers it.
 * MULTIPART_NAME and MULTIPART_FILENAME are told on the way, wrong or not. */
int disposition_parse(struct report *r, struct bytes value, multipart_flags flags, struct disposition *ret) MUST_USE;

/* NUL behind the end, so that a reader needs no other check. */
static inline uint8_t byte_at(struct bytes b, size_t i)
{
    return i < b.len ? b.at[i] : 0;
}

/* In the C locale: space, \t \n \v \f \r. */
static inline bool is_space(uint8_t c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static inline bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static inline bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool is_one_of(uint8_t c, const char *set)
{
    return c && strchr(set, c);
}

static inline bool has_at(struct bytes b, size_t at, struct bytes what)
{
    return at <= b.len && bytes_equal(bytes_slice(b, at, what.len), what);
}
