/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a message with stars for what lets others in: cookies, credentials, and values that have a secret's name. */
#pragma once

#include "base/bytes.h"

/*
 * A copy, as long, in which those values are stars: of a header (when the bytes are a line of the head), of NAME=VALUE and
 * of "NAME": VALUE. NULL when memory is out. Freed by the caller.
 */
uint8_t *waf_masked(struct bytes b, bool header) MUST_USE;
