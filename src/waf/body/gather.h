/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pieces made into blocks that grow with the body. yajl and libxml2 read an unfinished token again from its
 * start with every piece, so a string that arrives byte by byte would take quadratic time; blocks of a fixed share of
 * what came before keep it linear.
 */
#pragma once

#include "waf/body/report.h"

struct gather {
    struct growing held;
    size_t given; /* bytes in blocks so far */
};

/* True when a block is ready; it lives until the next call. False: wait for more, or memory is out. */
bool gather_add(struct report *r, struct gather *g, struct bytes more, struct bytes *ret_block) MUST_USE;
/* What is left at the end. */
struct bytes gather_rest(struct gather *g);
