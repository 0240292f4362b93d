/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table "inet bulkhead-NETWORK" in nft's words. What is published passes stateless: its addresses are rewritten
 * before routing on the way in and after it on the way out (before, the interface's own address as a source would be a
 * martian), and the host's connection tracking, whose bounded table a flood would fill, sees nothing of it.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "enforce/netlink.h"
#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

static const struct uplink_family
    family4 = {.name = "ip", .last = QUOTED_UDP, .quoted_source = {"quoted-source", "quoted-source-udp"},
        .quoted_destination = {"quoted-destination", "quoted-destination-udp"}},
    family6 = {.name = "ip6", .last = QUOTED_FRAGMENT, .quoted_source = {"quoted-source6", "quoted-source6-udp", "quoted-source6-fragment"},
        .quoted_destination = {"quoted-destination6", "quoted-destination6-udp", "quoted-destination6-fragment"}};

static bool family_add(struct uplink_rules *r, int socket, uint32_t index, const struct link_address *outer, struct failure *f)
{
    if (!outer)
        return true;
    struct uplink_family *new = &r->families[r->family_count++];
    struct link_address host;
    bool found;
    int family = outer->family == 4 ? AF_INET : AF_INET6;
    *new = outer->family == 4 ? family4 : family6;
    if (!uplink_address(socket, index, outer->family, &host, &found, f))
        return false;
    new->outer_at = *outer;
    new->host_at = host;
    (void)inet_ntop(family, outer->octets, new->outer, sizeof new->outer);
    if (found)
        (void)inet_ntop(family, host.octets, new->host, sizeof new->host);
    return true;
}

static bool families_fill(struct uplink_rules *r, struct failure *f)
{
    SCOPED_FD socket = -1;
    uint32_t index = if_nametoindex(r->plan->interface);
    return netlink_open_own(&socket, f) && family_add(r, socket, index, r->plan->outer4, f) && family_add(r, socket, index, r->plan->outer6, f);
}

static bool publishes(const struct uplink_rules *r, uint8_t protocol)
{
    for (size_t i = 0; i < r->plan->port_count; i++)
        if (r->plan->ports[i].protocol == protocol)
            return true;
    return false;
}

static void put_ports(struct uplink_rules *r, uint8_t protocol)
{
    const char *between = "{ ";
    for (size_t i = 0; i < r->plan->port_count; i++) {
        if (r->plan->ports[i].protocol != protocol)
            continue;
        text_printf(&r->text, "%s%u", between, r->plan->ports[i].port);
        between = ", ";
    }
    text_puts(&r->text, " }");
}

static const struct {
    uint8_t protocol;
    const char *name;
} protocols[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}};

/* One rule for each family and protocol that something is published in. */
static void put_published(struct uplink_rules *r, void (*rule)(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name))
{
    for (size_t m = 0; m < r->family_count; m++)
        for (size_t p = 0; p < sizeof protocols / sizeof *protocols; p++)
            if (r->families[m].host[0] && publishes(r, protocols[p].protocol))
                rule(r, &r->families[m], protocols[p].protocol, protocols[p].name);
}

static void put_way_in(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    text_printf(&r->text, "iifname \"%s\" %s daddr %s %s dport ", r->plan->interface, m->name, m->host, name);
    put_ports(r, protocol);
    text_printf(&r->text, " notrack %s daddr set %s\n", m->name, m->outer);
}

/* A reply to the host itself, which spoke to the outer address, belongs to a connection that it does track. */
static void put_reply(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    text_printf(&r->text, "iifname \"%s\" %s saddr %s %s sport ", r->link, m->name, m->outer, name);
    put_ports(r, protocol);
    text_puts(&r->text, " fib daddr type != local notrack\n");
}

/* "ct state" also makes the kernel put fragments together before any of these chains: a later one has no port. */
static void put_way_out(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    text_printf(&r->text, "oifname \"%s\" ct state untracked %s saddr %s %s sport ", r->plan->interface, m->name, m->outer, name);
    put_ports(r, protocol);
    text_printf(&r->text, " %s saddr set %s\n", m->name, m->host);
}

/* ---- ICMP errors about what is published ---- */

static void put_number(struct uplink_rules *r, const struct link_address *a)
{
    text_puts(&r->text, "0x");
    for (int i = 0; i < (a->family == 4 ? 4 : 16); i++)
        text_printf(&r->text, "%02x", a->octets[i]);
}

/*
 * An error that quotes a first fragment or a whole packet without options from (or to) a published port. Bits counted
 * from the ICMP header: IPv4's (RFC 791) protocol at (8+9)*8, source (8+12)*8, destination (8+16)*8, ports after 20 octets;
 * IPv6's (RFC 8200) next header at (8+6)*8, source (8+8)*8, destination (8+24)*8, ports after 40; a fragment header there has
 * its next header first, and the offset at 2.
 */
static void put_quotation(struct uplink_rules *r, uint8_t protocol, const struct link_address *quoted, bool source, bool fragment)
{
    struct text *t = &r->text;
    if (quoted->family == 4) {
        text_puts(t, " icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,64,8 0x45 @th,112,16 & 0x1fff == 0");
        text_printf(t, " @th,136,8 %u @th,%d,32 ", protocol, source ? 160 : 192);
    } else {
        text_puts(t, " icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }");
        if (fragment)
            text_printf(t, " @th,112,8 %u @th,384,8 %u @th,400,16 & 0xfff8 == 0 @th,%d,128 ", IPPROTO_FRAGMENT, protocol, source ? 128 : 256);
        else
            text_printf(t, " @th,112,8 %u @th,%d,128 ", protocol, source ? 128 : 256);
    }
    put_number(r, quoted);
    text_printf(t, " @th,%d,16 ", (quoted->family == 4 ? 224 : 384) + (source ? 0 : 16) + (fragment ? 64 : 0));
    put_ports(r, protocol);
}

/* A UDP checksum of 0 is none (RFC 768). What the first of several rules rewrote, the others no longer find. */
static void put_summed(struct uplink_rules *r, const struct uplink_family *m, enum uplink_quotation kind)
{
    if (kind != QUOTED_PLAIN)
        text_printf(&r->text, " @th,%d,16 != 0", (8 + (m->outer_at.family == 4 ? 20 : 40) + (kind == QUOTED_FRAGMENT ? 8 : 0) + 6) * 8);
}

static void put_error_in(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    for (int kind = protocol == IPPROTO_UDP ? (int)m->last : QUOTED_PLAIN; kind >= QUOTED_PLAIN; kind--) {
        text_printf(&r->text, "iifname \"%s\" %s daddr %s", r->plan->interface, m->name, m->host);
        put_quotation(r, protocol, &m->host_at, true, kind == QUOTED_FRAGMENT);
        put_summed(r, m, kind);
        text_printf(&r->text, " notrack %s daddr set %s jump %s\n", m->name, m->outer, m->quoted_source[kind]);
    }
}

static void put_error_reply(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    text_printf(&r->text, "iifname \"%s\" %s saddr %s", r->link, m->name, m->outer);
    put_quotation(r, protocol, &m->outer_at, false, false);
    text_puts(&r->text, " fib daddr type != local notrack\n");
}

/* Whoever sends it: the host itself does where a packet to the hub is too big. */
static void put_error_out(struct uplink_rules *r, const struct uplink_family *m, uint8_t protocol, const char *name)
{
    for (int kind = protocol == IPPROTO_UDP ? (int)m->last : QUOTED_PLAIN; kind >= QUOTED_PLAIN; kind--) {
        text_printf(&r->text, "oifname \"%s\"", r->plan->interface);
        put_quotation(r, protocol, &m->outer_at, false, kind == QUOTED_FRAGMENT);
        put_summed(r, m, kind);
        text_printf(&r->text, " %s saddr set %s jump %s\n", m->name, m->host, m->quoted_destination[kind]);
    }
}

static bool quotes(const struct uplink_rules *r, const struct uplink_family *m)
{
    return m->host[0] && r->plan->port_count;
}

/* Still empty: what is in `quoted` comes into them. */
static void put_quoted_chains(struct uplink_rules *r)
{
    for (const struct uplink_family *m = r->families; m < r->families + r->family_count; m++)
        for (int kind = QUOTED_PLAIN; quotes(r, m) && kind <= (int)m->last; kind++)
            text_printf(&r->text, "chain %s {\n}\nchain %s {\n}\n", m->quoted_source[kind], m->quoted_destination[kind]);
}

static void quoted_fill(struct uplink_rules *r)
{
    for (const struct uplink_family *m = r->families; m < r->families + r->family_count; m++)
        for (int kind = QUOTED_PLAIN; quotes(r, m) && kind <= (int)m->last; kind++) {
            r->quoted[r->quoted_count++] = (struct uplink_quoted){m->quoted_source[kind], m->host_at, m->outer_at, true, kind};
            r->quoted[r->quoted_count++] = (struct uplink_quoted){m->quoted_destination[kind], m->outer_at, m->host_at, false, kind};
        }
}

/* ---- the whole ---- */

static void put_masquerade(struct uplink_rules *r)
{
    text_puts(&r->text, "chain masquerading {\ntype nat hook postrouting priority srcnat; policy accept;\n");
    for (size_t m = 0; m < r->family_count; m++)
        text_printf(&r->text, "%s saddr %s oifname \"%s\" masquerade\n", r->families[m].name, r->families[m].outer, r->plan->interface);
    text_puts(&r->text, "}\n");
}

/* What masquerading passed over, as connection tracking calls it invalid, must not go out with an address of the hub. */
static void put_leaks(struct uplink_rules *r)
{
    for (size_t m = 0; m < r->family_count; m++)
        text_printf(&r->text, "oifname \"%s\" %s saddr %s drop\n", r->plan->interface, r->families[m].name, r->families[m].outer);
}

static void put_table(struct uplink_rules *r)
{
    struct text *t = &r->text;
    const struct uplink_plan *plan = r->plan;
    text_printf(t, "add table inet bulkhead-%s\ndelete table inet bulkhead-%s\n", plan->network, plan->network);
    text_printf(t, "table inet bulkhead-%s {\n", plan->network);
    put_quoted_chains(r);
    text_puts(t, "chain arriving {\ntype filter hook prerouting priority raw; policy accept;\n");
    put_published(r, put_way_in);
    put_published(r, put_reply);
    put_published(r, put_error_in);
    put_published(r, put_error_reply);
    text_puts(t, "}\n");
    if (plan->nat)
        put_masquerade(r);
    text_puts(t, "chain leaving {\ntype filter hook postrouting priority srcnat + 1; policy accept;\n");
    put_published(r, put_way_out);
    put_published(r, put_error_out);
    if (plan->nat)
        put_leaks(r);
    text_puts(t, "}\nchain passing {\ntype filter hook forward priority filter; policy accept;\n");
    text_printf(t, "iifname \"%s\" oifname != \"%s\" drop\n", r->link, plan->interface);
    text_printf(t, "oifname \"%s\" iifname != \"%s\" drop\n}\n}\n", r->link, plan->interface);
}

bool uplink_rules_make(const struct uplink_plan *plan, struct uplink_rules *ret, struct failure *f)
{
    *ret = (struct uplink_rules){.plan = plan, .text = text_new(UPLINK_RULES_MAX)};
    uplink_host_link(plan->network, ret->link);
    if (!families_fill(ret, f))
        return false;
    put_table(ret);
    quoted_fill(ret);
    return !ret->text.failed || fail(f, "the nf_tables table of %s does not fit into memory", plan->network);
}
