/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names what was compiled by all that it was made of, so that it is found again for the same, and never for anything else:
 * a SHA-256, each part of it with its length before it.
 */
#pragma once

#include "base/bytes.h"

#define KEY_BYTES 32

struct key {
    uint8_t at[KEY_BYTES];
};

struct keying;

/* NULL when memory is out. One serves for any number of keys, one after another. */
struct keying *keying_create(void) MUST_USE;
void keying_free(struct keying *k);

/* `kind`: what the parts are parts of. */
void key_begin(struct keying *k, const char *kind);
void key_add(struct keying *k, struct bytes part);
void key_add_number(struct keying *k, uint64_t number);
/* False when the library failed somewhere on the way: there is no key. */
bool key_end(struct keying *k, struct key *ret) MUST_USE;
