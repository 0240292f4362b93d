/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/services.h"

#include <netinet/in.h>

const uint32_t service_beginnings[SERVICE_BEGINNINGS] = {0, SERVICE_PORTS, 2 * SERVICE_PORTS, SERVICE_ICMP,
                                                         SERVICE_OTHER};
static const uint16_t protocols[SERVICE_BEGINNINGS] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, PORTS_ICMP,
                                                       PORTS_OTHER};

static bool add_ports(const struct ports *p, struct range_list *out)
{
    if (p->protocol == PORTS_ANY)
        return range_list_add(out, 0, SERVICES - 1);
    if (p->protocol == PORTS_ICMP)
        return range_list_add(out, SERVICE_ICMP, SERVICE_ICMP);
    uint32_t first = p->first ? p->first : 1;
    for (unsigned i = 0; i < 3 && first <= p->last; i++) {
        if (p->protocol == protocols[i])
            return range_list_add(out, service_beginnings[i] + first - 1, service_beginnings[i] + p->last - 1u);
    }
    return true;
}

bool services_of_ports(const struct ports *list, uint32_t count, struct range_list *out)
{
    out->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_ports(&list[i], out))
            return false;
    }
    range_list_normalize(out);
    return true;
}

struct port_class services_next(const struct range *r, uint32_t *at)
{
    unsigned i = SERVICE_BEGINNINGS - 1;
    while (service_beginnings[i] > *at)
        i--;
    uint32_t begin = service_beginnings[i], first = *at, last = r->last;
    if (i + 1 < SERVICE_BEGINNINGS && last >= service_beginnings[i + 1])
        last = service_beginnings[i + 1] - 1;
    *at = last + 1;
    if (i >= 3)
        return (struct port_class){.protocol = protocols[i], .last = 65535};
    return (struct port_class){
        .protocol = protocols[i], .first = (uint16_t)(first - begin + 1), .last = (uint16_t)(last - begin + 1)};
}

void services_print(struct ranges services, size_t most, struct text *out)
{
    size_t begun = out->len, more = 0;
    if (services.count == 1 && services.items[0].first == 0 && services.items[0].last == SERVICES - 1) {
        text_puts(out, "any");
        return;
    }
    for (size_t i = 0; i < services.count; i++) {
        for (uint32_t at = services.items[i].first; at <= services.items[i].last;) {
            struct port_class c = services_next(&services.items[i], &at);
            if (out->len - begun > most) {
                more++;
                continue;
            }
            text_puts(out, out->len > begun ? ", " : "");
            port_class_print(&c, out);
        }
    }
    if (more)
        text_printf(out, " and %zu more", more);
}
