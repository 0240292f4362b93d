/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/resolve.h"

#include <netinet/in.h>

/* An end as it was asked for: an address for each family, family 0 where it has none. */
struct party {
    struct address v4, v6;
};

struct service {
    uint8_t protocol; /* of IPv4 */
    uint8_t protocol_v6;
    uint16_t port;
};

static bool say_unknown(const struct policy *p, struct bytes name, struct arena *a, const char **ret_error)
{
    const char *text = arena_text(a, name.at, name.len);
    const char **names = arena_array(a, p->workload_count, sizeof *names);
    *ret_error = NULL;
    if (!text || !names)
        return false;
    for (uint32_t i = 0; i < p->workload_count; i++)
        names[i] = p->workloads[i].name;
    const char *closest = closest_name(text, names, p->workload_count);
    if (strcmp(text, "world") == 0)
        *ret_error = "`world` is every address outside; ask with one of them, for example 192.0.2.1 or 2001:db8::1";
    else if (closest)
        *ret_error = arena_format(a, "no workload is called `%s`; did you mean `%s`?", text, closest);
    else
        *ret_error = arena_format(a, "`%s` is neither a workload nor an address", text);
    return false;
}

static bool resolve_party(const struct policy *p, struct bytes name, struct arena *a, struct party *ret,
                          const char **ret_error)
{
    *ret = (struct party){0};
    uint32_t workload = policy_find_workload(p, name);
    if (workload != NONE) {
        const struct workload *w = &p->workloads[workload];
        for (uint32_t i = w->address_count; i-- > 0;)
            *(w->addresses[i].family == 4 ? &ret->v4 : &ret->v6) = w->addresses[i];
        return true;
    }
    struct address address;
    if (!address_parse(name, &address))
        return say_unknown(p, name, a, ret_error);
    *(address.family == 4 ? &ret->v4 : &ret->v6) = address;
    return true;
}

/* Decimal digits, at most `max`. Moves the cursor behind them. */
static bool read_number(struct cursor *c, uint32_t max, uint32_t *ret)
{
    size_t digits = 0;
    uint32_t number = 0;
    while (c->at < c->all.len && c->all.at[c->at] >= '0' && c->all.at[c->at] <= '9') {
        uint8_t digit;
        if (!cursor_u8(c, &digit))
            return false;
        number = number * 10 + (uint32_t)(digit - '0');
        if (number > max)
            return false;
        digits++;
    }
    *ret = number;
    return digits > 0;
}

static bool all_is_number(struct bytes text, uint32_t max, uint32_t *ret)
{
    struct cursor c = cursor_over(text);
    return read_number(&c, max, ret) && cursor_left(&c) == 0;
}

/* NULL: memory is out. A number alone is most often TCP's port. */
static const char *refuse_service(struct bytes text, struct arena *a)
{
    const char *shown = arena_text(a, text.at, text.len);
    uint32_t number;
    if (!shown)
        return NULL;
    if (!all_is_number(text, 65535, &number) || !number)
        return arena_format(a, "`%s` is not a service: write PORT/tcp, PORT/udp, PORT/sctp, icmp, or protocol:NUMBER for another protocol", shown);
    if (number > 255)
        return arena_format(a, "`%s` is not a service: did you mean `%u/tcp`?", shown, number);
    return arena_format(a, "`%s` is not a service: did you mean `%u/tcp`? (IP's protocol of that number is `protocol:%u`)", shown, number, number);
}

static bool resolve_protocol(struct bytes text, struct service *ret)
{
    static const char prefix[] = "protocol:";
    uint32_t number;
    const size_t length = sizeof prefix - 1;
    if (text.len <= length || !bytes_equal(bytes_slice(text, 0, length), bytes_of_text(prefix)) ||
        !all_is_number(bytes_slice(text, length, text.len - length), 255, &number))
        return false;
    *ret = (struct service){.protocol = (uint8_t)number, .protocol_v6 = (uint8_t)number};
    return number != IPPROTO_TCP && number != IPPROTO_UDP && number != IPPROTO_SCTP && number != IPPROTO_ICMP && number != IPPROTO_ICMPV6;
}

static bool resolve_service(struct bytes text, struct arena *a, struct service *ret, const char **ret_error)
{
    static const struct {
        const char *name;
        uint8_t protocol;
    } with_ports[] = {{"/tcp", IPPROTO_TCP}, {"/udp", IPPROTO_UDP}, {"/sctp", IPPROTO_SCTP}};

    if (bytes_equal(text, bytes_of_text("icmp"))) {
        *ret = (struct service){.protocol = IPPROTO_ICMP, .protocol_v6 = IPPROTO_ICMPV6};
        return true;
    }
    if (resolve_protocol(text, ret))
        return true;
    struct cursor c = cursor_over(text);
    uint32_t number;
    if (read_number(&c, 65535, &number) && number) {
        struct bytes rest = bytes_slice(text, c.at, cursor_left(&c));
        for (size_t i = 0; i < sizeof with_ports / sizeof with_ports[0]; i++) {
            if (!bytes_equal(rest, bytes_of_text(with_ports[i].name)))
                continue;
            *ret = (struct service){.protocol = with_ports[i].protocol,
                                    .protocol_v6 = with_ports[i].protocol,
                                    .port = (uint16_t)number};
            return true;
        }
    }
    *ret_error = refuse_service(text, a);
    return false;
}

static void add_flow(struct flows *flows, const struct address *from, const struct address *to,
                     uint8_t protocol, uint16_t port)
{
    if (from->family && to->family)
        flows->items[flows->count++] =
            (struct flow){.from = *from, .to = *to, .protocol = protocol, .port = port};
}

bool resolve_flows(const struct policy *p, struct bytes from, struct bytes to, struct bytes service,
                   struct arena *a, struct flows *ret, const char **ret_error)
{
    struct party source, target;
    struct service s;
    *ret_error = NULL;
    if (!resolve_party(p, from, a, &source, ret_error) || !resolve_party(p, to, a, &target, ret_error) ||
        !resolve_service(service, a, &s, ret_error))
        return false;
    *ret = (struct flows){.count = 0};
    add_flow(ret, &source.v4, &target.v4, s.protocol, s.port);
    add_flow(ret, &source.v6, &target.v6, s.protocol_v6, s.port);
    if (ret->count)
        return true;
    const char *a_text = arena_text(a, from.at, from.len), *b_text = arena_text(a, to.at, to.len);
    if (a_text && b_text)
        *ret_error = arena_format(a, "`%s` and `%s` have no address family in common", a_text, b_text);
    return false;
}
