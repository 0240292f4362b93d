/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/uplink.h"

const struct address *uplink_outer_address(const struct policy *p, uint8_t family)
{
    return p->uplink.interface ? segment_hub_address(&p->segments[p->hub], family) : NULL;
}

const struct address *workload_first_address(const struct workload *w, uint8_t family)
{
    for (uint32_t i = 0; i < w->address_count; i++) {
        if (w->addresses[i].family == family)
            return &w->addresses[i];
    }
    return NULL;
}

const struct publish *uplink_published(const struct policy *p, uint8_t protocol, uint16_t port)
{
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i];
        if (e->protocol == protocol && e->port == port)
            return e;
    }
    return NULL;
}

const struct publish *uplink_published_to(const struct policy *p, uint8_t protocol, const struct address *to,
                                          uint16_t port)
{
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i];
        const struct address *leads = workload_first_address(&p->workloads[e->workload], to->family);
        if (e->protocol == protocol && e->workload_port == port && leads && address_equal(leads, to))
            return e;
    }
    return NULL;
}
