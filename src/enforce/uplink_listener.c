/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ports processes of the host listen on, from /proc/thread-self/net/{tcp,tcp6,udp,udp6} (proc(5)): publishing
 * such a port would take it away from them. Connections that have one are looked for among the ports that the host gives
 * by itself: there they would be cut by chance. A line of these files: "sl local:port remote:port state ...", addresses as
 * hexadecimal 32-bit words in the machine's byte order.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

struct table {
    const char *file, *name;
    uint8_t protocol;
    size_t octets;
};

static const struct table tables[] = {
    {"tcp", "TCP", IPPROTO_TCP, 4}, {"tcp6", "TCP", IPPROTO_TCP, 16}, {"udp", "UDP", IPPROTO_UDP, 4}, {"udp6", "UDP", IPPROTO_UDP, 16}};

#define TCP_LISTENS 0x0a   /* include/net/tcp_states.h */
#define UDP_UNCONNECTED 0x07
#define ESTABLISHED 0x01   /* of both */

struct listener {
    uint8_t address[16];
    unsigned long port, state;
};

static bool word_read(const char *hex, uint8_t out[4])
{
    char digits[9] = {0}, *end;
    memcpy(digits, hex, strnlen(hex, 8));
    uint32_t word = (uint32_t)strtoul(digits, &end, 16);
    memcpy(out, &word, 4);
    return end == digits + 8;
}

static bool listener_read(const char *line, size_t octets, struct listener *ret)
{
    char *at = strchr(line, ':');
    if (!at)
        return false;
    at += 1 + strspn(at + 1, " ");
    for (size_t i = 0; i < octets; i += 4, at += 8)
        if (!word_read(at, ret->address + i))
            return false;
    if (*at != ':')
        return false;
    ret->port = strtoul(at + 1, &at, 16);
    at += strspn(at, " ");
    at += strcspn(at, " "); /* the remote end */
    ret->state = strtoul(at, NULL, 16);
    return true;
}

static bool all_zero(const uint8_t *octets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (octets[i])
            return false;
    return true;
}

/* A socket of IPv6 may serve IPv4 as well: at the wildcard, or at ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
static bool listens_at(const struct listener *l, size_t octets, const struct link_address *host4, const struct link_address *host6)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (all_zero(l->address, octets))
        return true;
    if (octets == 4)
        return host4 && memcmp(l->address, host4->octets, 4) == 0;
    return (host6 && memcmp(l->address, host6->octets, 16) == 0) ||
           (host4 && memcmp(l->address, mapped, 12) == 0 && memcmp(l->address + 12, host4->octets, 4) == 0);
}

static bool is_published(const struct uplink_port *ports, size_t count, uint8_t protocol, unsigned long port)
{
    for (size_t i = 0; i < count; i++)
        if (ports[i].protocol == protocol && ports[i].port == port)
            return true;
    return false;
}

bool uplink_listeners_check(const struct uplink_port *ports, size_t count, const struct link_address *host4,
    const struct link_address *host6, const char *interface, struct failure *f)
{
    struct uplink_range given;
    if (count && !uplink_ports_given(&given, f))
        return false;
    for (size_t i = 0; count && i < sizeof tables / sizeof *tables; i++) {
        const struct table *t = &tables[i];
        char path[64], line[512];
        snprintf(path, sizeof path, "/proc/thread-self/net/%s", t->file);
        SCOPED_FILE file = fopen(path, "re");
        if (!file && errno == ENOENT)
            continue; /* a kernel without IPv6 */
        if (!file)
            return fail_errno(f, errno, "cannot read %s", path);
        unsigned long wanted = t->protocol == IPPROTO_TCP ? TCP_LISTENS : UDP_UNCONNECTED;
        while (fgets(line, sizeof line, file)) {
            struct listener l = {.port = 0};
            if (!listener_read(line, t->octets, &l) || !is_published(ports, count, t->protocol, l.port) || !listens_at(&l, t->octets, host4, host6))
                continue;
            if (l.state == ESTABLISHED && l.port >= given.first && l.port <= given.last)
                return fail(f, "cannot publish %s port %lu of %s: a connection of this host has it and would be cut; "
                               "publish another port, or wait until it has ended (`ss -np sport = %lu` names it)",
                    t->name, l.port, interface, l.port);
            if (l.state == wanted)
                return fail(f, "cannot publish %s port %lu of %s: a process of this host listens on it and would no longer be reached; "
                               "publish another port, or stop that process (`ss -lnp sport = %lu` names it)",
                    t->name, l.port, interface, l.port);
        }
    }
    return true;
}
