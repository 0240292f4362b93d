/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/gather.h"

/* The smallest block, which is also more than any parser needs to find the encoding. */
#define BLOCK_MIN 4096

bool gather_add(struct report *r, struct gather *g, struct bytes more, struct bytes *ret_block)
{
    size_t enough = g->given / 4 > BLOCK_MIN ? g->given / 4 : BLOCK_MIN;
    if (g->held.len == 0 && more.len >= enough) {
        g->given += more.len;
        *ret_block = more;
        return true;
    }
    if (!growing_append(r, &g->held, more) || g->held.len < enough)
        return false;
    *ret_block = gather_rest(g);
    return true;
}

struct bytes gather_rest(struct gather *g)
{
    struct bytes rest = growing_bytes(&g->held);
    g->given += rest.len;
    g->held.len = 0;
    return rest;
}
