/* SPDX-License-Identifier: Apache-2.0 */
/* The operators that ask whether a value is well formed. They match what is not. */
#pragma once

#include "waf/operator/match.h"

/* A bit for each byte that may stand in a value. */
struct byte_set {
    uint64_t bits[4];
};

/* "10,13,32-126": false when that is not a list of numbers from 0 to 255 and ranges of them; `*ret_wrong` is the part that is not. */
bool byte_set_parse(struct bytes text, struct byte_set *ret, struct bytes *ret_wrong) MUST_USE;
static inline bool byte_set_has(const struct byte_set *s, uint8_t c)
{
    return s->bits[c >> 6] >> (c & 63) & 1;
}

/* @validateByteRange: the first byte that is not in the set. */
bool value_leaves_byte_set(struct bytes value, const struct byte_set *s, struct match *ret) MUST_USE;
/* @validateUrlEncoding: the first % without two hexadecimal digits behind it (RFC 3986, 2.1). */
bool value_breaks_url_encoding(struct bytes value, struct match *ret) MUST_USE;
/* @validateUtf8Encoding: the first byte that begins no character (RFC 3629: no overlong forms, surrogates, nor beyond U+10FFFF). */
bool value_breaks_utf8(struct bytes value, struct match *ret) MUST_USE;
