/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports of those that the host gives its own connections (net.ipv4.ip_local_port_range, of IPv6 too): answers
 * to such a connection would go to the workload. So they are kept from being given: they join what is in
 * net.ipv4.ip_local_reserved_ports. SETTINGS/NETNS:net:ipv4:ip_local_reserved_ports has those that networks put there and
 * nobody else had, in the kernel's own words ("40000,41000-41009"); they leave when no network publishes them any more.
 * (A rule that lets pass what a socket of the host waits for would do without, but would hand what is published to
 * every process that binds the port.)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforce/file.h"
#include "enforce/scope.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

#define RESERVED "net/ipv4/ip_local_reserved_ports"
#define RANGE "net/ipv4/ip_local_port_range"
#define PORTS (UINT16_MAX + 1UL)
#define LIST_MAX ((size_t)256 << 10) /* every second port, at 6 characters each */

struct port_set {
    uint8_t bits[PORTS / 8];
    size_t count;
};

static bool has(const struct port_set *s, unsigned long port)
{
    return s->bits[port / 8] >> port % 8 & 1;
}

static void add(struct port_set *s, unsigned long port)
{
    s->count += !has(s, port);
    s->bits[port / 8] |= (uint8_t)(1U << port % 8);
}

static void take_away(struct port_set *s, unsigned long port)
{
    s->count -= has(s, port);
    s->bits[port / 8] &= (uint8_t)~(1U << port % 8);
}

/* ---- as text ---- */

static bool ports_parse(const char *text, struct port_set *ret)
{
    char *end;
    for (text += strspn(text, " \t\n,"); *text; text = end + strspn(end, " \t\n,")) {
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (end == text || last >= PORTS || first > last)
            return false;
        for (unsigned long port = first; port <= last; port++)
            add(ret, port);
    }
    return true;
}

static void ports_print(const struct port_set *s, struct text *t)
{
    const char *between = "";
    for (unsigned long first = 0, last; first < PORTS; first = last + 1) {
        for (last = first; has(s, first) && last + 1 < PORTS && has(s, last + 1);)
            last++;
        if (!has(s, first))
            continue;
        text_printf(t, last > first ? "%s%lu-%lu" : "%s%lu", between, first, last);
        between = ",";
    }
    text_puts(t, "\n");
}

/* At once: the kernel tells nothing from the middle on. */
static bool setting_text(const char *setting, char *text, size_t room, struct failure *f)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/%s", setting);
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, room - 1);
    if (size < 0)
        return fail_errno(f, errno, "cannot read %s", path);
    text[size] = 0;
    return true;
}

static bool reserved_read(struct port_set *ret, struct failure *f)
{
    SCOPED_MEMORY char *text = malloc(LIST_MAX);
    if (!text)
        return fail(f, "out of memory");
    return setting_text(RESERVED, text, LIST_MAX, f) && (ports_parse(text, ret) || fail(f, "/proc/sys/" RESERVED " is no list of ports"));
}

/* The kernel takes a page at a time, and joins what follows to it. */
static bool reserved_write(const struct port_set *s, struct failure *f)
{
    struct text t = text_new(LIST_MAX);
    ports_print(s, &t);
    SCOPED_FD fd = open("/proc/sys/" RESERVED, O_WRONLY | O_CLOEXEC);
    bool ok = !t.failed && fd >= 0 && write_all(fd, bytes_of(t.at, t.len));
    text_free(&t);
    return ok || fail_errno(f, errno, "cannot set /proc/sys/" RESERVED);
}

/* ---- what networks have put there ---- */

static bool noted_read(uint64_t netns, struct port_set *ret, struct failure *f)
{
    char path[512];
    SCOPED_MEMORY char *text = NULL;
    size_t size;
    uplink_setting_note(netns, RESERVED, path);
    if (access(path, F_OK))
        return true;
    return file_read(path, LIST_MAX, &text, &size, f) && (ports_parse(text, ret) || fail(f, "%s is no list of ports", path));
}

static bool noted_write(uint64_t netns, const struct port_set *s, struct failure *f)
{
    char path[512];
    uplink_setting_note(netns, RESERVED, path);
    if (!s->count)
        return uplink_file_remove(path) || fail_errno(f, errno, "remove %s", path);
    struct text t = text_new(LIST_MAX);
    ports_print(s, &t);
    bool ok = t.failed ? fail(f, "out of memory") : uplink_settings_room(f) && file_write(path, bytes_of(t.at, t.len), f);
    text_free(&t);
    return ok;
}

/* ---- there and back ---- */

bool uplink_ports_given(struct uplink_range *ret, struct failure *f)
{
    char text[64], *end;
    if (!setting_text(RANGE, text, sizeof text, f))
        return false;
    ret->first = strtoul(text, &end, 10);
    ret->last = strtoul(end, NULL, 10);
    return true;
}

static bool is_given(const struct uplink_range *given, const struct uplink_port *p)
{
    return p->port >= given->first && p->port <= given->last;
}

static bool gives_any(const struct uplink_range *given, const struct uplink_record *r)
{
    for (size_t i = 0; i < r->port_count; i++)
        if (is_given(given, &r->ports[i]))
            return true;
    return false;
}

bool uplink_reserved_set(const struct uplink_record *r, bool repair, unsigned *differ, struct failure *f)
{
    struct uplink_range given;
    struct port_set reserved = {.count = 0}, noted = {.count = 0};
    if (!uplink_ports_given(&given, f))
        return false;
    if (!gives_any(&given, r))
        return true;
    if (!reserved_read(&reserved, f) || !noted_read(r->netns, &noted, f))
        return false;
    size_t before = reserved.count;
    for (size_t i = 0; i < r->port_count; i++) {
        if (!is_given(&given, &r->ports[i]) || has(&reserved, r->ports[i].port))
            continue;
        add(&reserved, r->ports[i].port);
        add(&noted, r->ports[i].port);
    }
    if (reserved.count == before)
        return true;
    ++*differ;
    return !repair || (noted_write(r->netns, &noted, f) && reserved_write(&reserved, f));
}

struct release {
    const char *without; /* this network's record says nothing; null: all count */
    uint64_t netns;
    struct port_set ports;
};

/* A record that cannot be read may name any: all stay. */
static bool published_stay(const char *network, void *argument)
{
    struct release *release = argument;
    struct uplink_record r;
    bool found;
    if (release->without && strcmp(network, release->without) == 0)
        return true;
    if (!uplink_record_load(network, &r, &found, NULL)) {
        release->ports = (struct port_set){.count = 0};
        return false;
    }
    for (size_t i = 0; found && r.netns == release->netns && i < r.port_count; i++)
        take_away(&release->ports, r.ports[i].port);
    uplink_record_free(&r);
    return true;
}

bool uplink_reserved_release(const char *without, uint64_t netns, bool there, struct failure *f)
{
    struct release release = {.without = without, .netns = netns};
    struct port_set reserved = {.count = 0}, noted = {.count = 0};
    if (!noted_read(netns, &noted, f))
        return false;
    release.ports = noted;
    (void)state_each(published_stay, &release);
    if (!release.ports.count)
        return true;
    if (there && !reserved_read(&reserved, f))
        return false;
    for (unsigned long port = 0; port < PORTS; port++)
        if (has(&release.ports, port)) {
            take_away(&reserved, port);
            take_away(&noted, port);
        }
    return (!there || reserved_write(&reserved, f)) && noted_write(netns, &noted, f);
}
