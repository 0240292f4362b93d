/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding as forms have it (the URL Standard's application/x-www-form-urlencoded), for who has no transformation to make. */
#pragma once

#include "base/bytes.h"

/* The first byte that decoding may change; in.len: none. */
size_t percent_first(struct bytes in);
/*
 * Decoded, at `out`, which has room for in.len bytes and a block (base/block.h) more; returns the length. A '%' without two
 * digits stays, and *ret_broken becomes true.
 */
size_t percent_decode(struct bytes in, uint8_t *out, bool *ret_broken) MUST_USE;
