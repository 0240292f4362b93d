/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes under the reader. Each set is copied under its lock (BPF_F_LOCK), which whoever puts a session there holds: a
 * key is never read with another session's stamp. Packets of a session change its stamp, its time and its state without the
 * lock, each with one store of at most a word; should the kernel copy half of one, a line shows for one session the
 * wrong time, or a rule's number that is looked up like any other and may be in no policy. Nothing else depends on it.
 */
#include "enforce/sessions.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/tables.h"
#include "enforce/clock.h"
#include "enforce/scope.h"

#define BATCH_SETS 512u /* read with one call: less than 300 KiB */

struct reading {
    struct config config;
    uint64_t now; /* nanoseconds, of the clock that the programs read */
    void (*each)(const struct live_session *s, void *argument);
    void *argument;
};

/* Whoever looks may be behind a packet that came since: that is now. */
static bool alive(const struct reading *r, uint64_t last, uint64_t timeout)
{
    return r->now < last || r->now - last < timeout;
}

static uint64_t timeout_of(const struct config *c, uint8_t protocol, uint8_t state)
{
    if (protocol == IPPROTO_TCP)
        return state & SESSION_CLOSING ? c->tcp_closing : c->tcp;
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? c->icmp : c->other;
}

static struct address address_of(const struct session_key *k, int which)
{
    struct address a = {.family = k->family};
    memcpy(a.octets, k->address[which], address_octets(&a));
    return a;
}

static void tell(const struct reading *r, const struct session_key *k, uint64_t stamp, uint64_t last, uint8_t state)
{
    int from = k->direction & 1, to = from ^ 1;
    struct live_session s = {
        .from = address_of(k, from),
        .to = address_of(k, to),
        .from_port = ntohs(k->port[from]),
        .to_port = ntohs(k->port[to]),
        .protocol = k->protocol,
        .state = state,
        .generation = (uint16_t)STAMP_GENERATION(stamp),
        .observed = STAMP_FLAGS(stamp) & STAMP_OBSERVED,
        .reason = REASON_RULE,
        .rule = STAMP_RULE(stamp),
        .idle = r->now > last ? r->now - last : 0,
    };
    if (s.observed)
        s.reason = STAMP_FLAGS(stamp) & STAMP_REASON;
    if (k->family == 4 || k->family == 6)
        r->each(&s, r->argument);
}

static void tell_confirmed(const struct reading *r, const void *value)
{
    const struct session_set *set = value;
    for (int i = 0; i < SESSION_WAYS; i++) {
        const struct session *s = &set->way[i];
        if (s->stamp && alive(r, s->last, timeout_of(&r->config, s->key.protocol, s->state)))
            tell(r, &s->key, s->stamp, s->last, s->state & SESSION_CLOSING ? SESSION_STATE_ENDING : SESSION_STATE_OPEN);
    }
}

static void tell_unconfirmed(const struct reading *r, const void *value)
{
    const struct pending_set *set = value;
    for (int i = 0; i < PENDING_WAYS; i++)
        if (set->stamp[i] && alive(r, set->last[i], r->config.unconfirmed))
            tell(r, &set->way[i].key, set->stamp[i], set->last[i], set->way[i].state & SESSION_CLOSING ? SESSION_STATE_ENDING : SESSION_STATE_BEGINNING);
}

static bool is_of_size(int map, size_t value_size, struct failure *f)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(map, &info, &size))
        return fail_errno(f, errno, "look at the table of sessions");
    return info.value_size == value_size || fail(f, "the network was built by another version of bulkhead: `down` and `up` build it anew");
}

/* The map's values, some hundred at a time. */
static bool each_set(const struct reading *r, int map, size_t value_size, void (*tell_set)(const struct reading *r, const void *set), struct failure *f)
{
    LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = BPF_F_LOCK);
    SCOPED_MEMORY uint8_t *values = malloc(BATCH_SETS * value_size);
    SCOPED_MEMORY uint32_t *keys = malloc(BATCH_SETS * sizeof *keys);
    uint32_t at = 0, next = 0;
    if (!is_of_size(map, value_size, f))
        return false;
    if (!values || !keys)
        return fail(f, "out of memory");
    for (bool first = true, more = true; more; first = false) {
        uint32_t count = BATCH_SETS;
        more = bpf_map_lookup_batch(map, first ? NULL : &at, &next, keys, values, &count, &options) == 0;
        if (!more && errno != ENOENT) /* the last ones come with it */
            return fail_errno(f, errno, "read the table of sessions");
        for (uint32_t i = 0; i < count; i++)
            tell_set(r, values + i * value_size);
        at = next;
    }
    return true;
}

bool sessions_each(const struct datapath *d, void (*each)(const struct live_session *s, void *argument), void *argument, struct failure *f)
{
    struct reading r = {.each = each, .argument = argument};
    if (!datapath_config(d, &r.config, f))
        return false;
    r.now = (uint64_t)clock_ns(CLOCK_MONOTONIC_COARSE);
    return each_set(&r, d->sessions, sizeof(struct session_set), tell_confirmed, f) && each_set(&r, d->pendings, sizeof(struct pending_set), tell_unconfirmed, f);
}
