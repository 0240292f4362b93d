/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_peer.h"

bool waf_peer_built(void)
{
    return false;
}

bool waf_peer_load(const char *text, struct waf_peer **ret)
{
    return false;
}

void waf_peer_free(struct waf_peer *p)
{
}

struct contender waf_peer_contender(struct waf_peer *p)
{
    return (struct contender){0};
}
