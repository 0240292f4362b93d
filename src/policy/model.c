/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/index.h"

uint32_t policy_segment_of(const struct policy *p, const struct address *a)
{
    size_t low = 0, high = p->index->prefix_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(&p->index->prefixes[middle].prefix.address, a) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct indexed_prefix *before = low ? &p->index->prefixes[low - 1] : NULL;
    return before && prefix_contains(&before->prefix, a) ? before->segment : NONE;
}

const struct address *segment_hub_address(const struct segment *s, uint8_t family)
{
    for (uint32_t i = 0; i < s->cidr_count; i++)
        if (s->hub_addresses[i].family == family)
            return &s->hub_addresses[i];
    return NULL;
}

uint32_t policy_workload_of(const struct policy *p, const struct address *a)
{
    const uint64_t *found = table_get(&p->index->addresses, bytes_of(a, sizeof *a));
    return found ? (uint32_t)*found : NONE;
}

bool workload_has_label(const struct workload *w, const char *key, const char *value)
{
    for (uint32_t i = 0; i < w->label_count; i++)
        if (strcmp(w->labels[i].key, key) == 0 && strcmp(w->labels[i].value, value) == 0)
            return true;
    return false;
}

static const struct name *find_name(const struct policy *p, struct bytes name)
{
    const uint64_t *found = table_get(&p->index->name_ids, name);
    return found ? &p->index->names[*found] : NULL;
}

uint32_t policy_find_workload(const struct policy *p, struct bytes name)
{
    const struct name *n = find_name(p, name);
    return n ? n->workload : NONE;
}

uint32_t policy_find_segment(const struct policy *p, struct bytes name)
{
    const struct name *n = find_name(p, name);
    return n ? n->segment : NONE;
}
