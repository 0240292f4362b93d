/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a raw message a value stands that a rule saw: as it is, or percent-encoded. Nothing else is undone. */
#pragma once

#include "base/bytes.h"

struct located {
    size_t from, to; /* of the message: what matched of the value */
};

/* `variable` is NAME or NAME:KEY; `offset` and `length` are those of the match in `value`. False: it is not found, or the variable is none of the message's. */
bool waf_locate(struct bytes message, struct bytes variable, struct bytes value, size_t offset, size_t length, struct located *ret) MUST_USE;
