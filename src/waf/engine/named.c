/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/named.h"

static void add(struct named_variables *n, uint8_t variable)
{
    n->words[variable / 64] |= (uint64_t)1 << variable % 64;
}

struct named_variables named_gather(const struct waf_rule_set *set)
{
    struct named_variables ret = {0};
    for (uint32_t i = 0; i < set->target_count; i++)
        add(&ret, set->targets[i].variable);
    for (uint32_t i = 0; i < set->part_count; i++)
        if (set->parts[i].macro)
            add(&ret, set->parts[i].variable);
    return ret;
}
