/* SPDX-License-Identifier: Apache-2.0 */
/* The links of a network's hub: made, each with what the datapath is to know of it, looked at, and put right. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/attached.h"
#include "enforce/clock.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/network_parts.h"
#include "enforce/scope.h"

struct link_address network_link_address(const struct address *a)
{
    struct link_address l = {.family = a->family};
    memcpy(l.octets, a->octets, sizeof l.octets);
    return l;
}

const struct link_address *network_maybe_address(const struct address *a, struct link_address *room)
{
    if (!a)
        return NULL;
    *room = network_link_address(a);
    return room;
}

void network_link_macs(uint32_t link, uint8_t far[6], uint8_t hub[6])
{
    /* locally administered, unicast; a link has two ends and nobody else, so they need not differ between networks */
    uint8_t mac[6] = {0x02, 0x62, 0x6b, (uint8_t)(link >> 8), (uint8_t)link, 1};
    memcpy(far, mac, 6);
    mac[5] = 2;
    memcpy(hub, mac, 6);
}

/* Nanoseconds of CLOCK_MONOTONIC until which its sessions are adopted; 0: it has none to adopt. */
static uint64_t adopt_until(const struct workload *w)
{
    return w->adopt_seconds ? (uint64_t)clock_ns(CLOCK_MONOTONIC) + w->adopt_seconds * 1000000000ull : 0;
}

/* `hub`: room for the hub's addresses in the workload's segment. */
static struct attached_plan attached_plan_of(const struct policy *p, const struct workload *w, struct link_address hub[2])
{
    const struct segment *s = &p->segments[w->segment];
    return (struct attached_plan){
        .network = p->name,
        .workload = w->name,
        .interface = w->attach_interface,
        .hub_ns_fd = -1,
        .hub4 = network_maybe_address(segment_hub_address(s, 4), &hub[0]),
        .hub6 = network_maybe_address(segment_hub_address(s, 6), &hub[1]),
    };
}

bool network_attached_preflight(const struct policy *p, const struct policy *old, struct failure *f)
{
    for (uint32_t i = 0; i < p->workload_count; i++) {
        const struct workload *w = &p->workloads[i];
        if (!w->attach_interface || (old && policy_find_workload(old, bytes_of_text(w->name)) != NONE))
            continue;
        struct link_address hub[2];
        struct attached_plan plan = attached_plan_of(p, w, hub);
        if (!attached_preflight(&plan, f))
            return false;
    }
    return true;
}

/* The interface takes the place that a veth pair has for others. `entry` has all but what only the interface knows. */
static bool take_interface(const struct policy *p, const struct workload *w, const struct spoke *spoke, struct link_entry *entry, struct datapath *d,
    struct failure *f)
{
    struct link_address hub[2];
    struct attached_plan plan = attached_plan_of(p, w, hub);
    plan.hub_ns_fd = spoke->hub_ns_fd;
    plan.hub_link = spoke->hub_link;
    plan.hub_index = spoke->hub_index;
    entry->kind = LINK_ATTACHED;
    memset(entry->mac, 0, sizeof entry->mac);
    return attached_take(&plan, entry->hub_mac, &entry->mtu, f) && datapath_set_link(d, spoke->hub_index, entry, f);
}

struct link_entry network_entry_of(enum bulkhead_link_kind kind, uint32_t link, const struct address *hub4, const struct address *hub6)
{
    struct link_entry e = {.kind = kind, .mtu = NETWORK_MTU, .answers_per_second = ANSWERS_PER_SECOND};
    network_link_macs(link, e.mac, e.hub_mac);
    if (hub4)
        memcpy(&e.hub_v4, hub4->octets, 4);
    if (hub6)
        memcpy(e.hub_v6, hub6->octets, 16);
    return e;
}

struct link_entry network_link_entry(const struct policy *p, const struct workload *w, const struct state_link *l)
{
    const struct segment *s = &p->segments[w->segment];
    struct link_entry e = network_entry_of(LINK_WORKLOAD, l->link, segment_hub_address(s, 4), segment_hub_address(s, 6));
    e.passes_on = w->attach_netns != NULL;
    e.adopt_until = l->adopt_until;
    return e;
}

/* A workload's spoke, and what it points to; not to be copied. */
struct spoke_room {
    struct spoke spoke;
    struct link_address addresses[WORKLOAD_ADDRESSES_MAX], hub4, hub6;
    char netns[128], hub_link[16];
};

static bool spoke_of(const struct policy *p, const struct workload *w, const struct state_link *l, int hub, struct spoke_room *r, struct failure *f)
{
    const struct segment *segment = &p->segments[w->segment];
    if (w->address_count > sizeof r->addresses / sizeof r->addresses[0])
        return fail(f, "workload %s has %u addresses, at most %zu are possible", w->name, w->address_count, sizeof r->addresses / sizeof r->addresses[0]);
    for (uint32_t i = 0; i < w->address_count; i++)
        r->addresses[i] = network_link_address(&w->addresses[i]);
    state_netns(p->name, w->name, r->netns);
    snprintf(r->hub_link, sizeof r->hub_link, "w%u", l->link);
    r->spoke = (struct spoke){.hub_ns_fd = hub, .netns = r->netns, .existing = w->attach_netns, .hub_link = r->hub_link, .hub_index = l->link,
        .mtu = NETWORK_MTU, .addresses = r->addresses, .address_count = w->address_count};
    r->spoke.hub4 = network_maybe_address(segment_hub_address(segment, 4), &r->hub4);
    r->spoke.hub6 = network_maybe_address(segment_hub_address(segment, 6), &r->hub6);
    network_link_macs(l->link, r->spoke.workload_mac, r->spoke.hub_mac);
    return true;
}

bool network_add_workload(const struct policy *p, uint32_t index, struct state_link *l, int hub, struct datapath *d, struct failure *f)
{
    const struct workload *w = &p->workloads[index];
    struct spoke_room r;
    l->adopt_until = adopt_until(w);
    struct link_entry entry = network_link_entry(p, w, l);
    if (!spoke_of(p, w, l, hub, &r, f))
        return false;
    if (w->attach_interface)
        return take_interface(p, w, &r.spoke, &entry, d, f);
    return datapath_set_link(d, l->link, &entry, f) && spoke_create(&r.spoke, NULL, f);
}

/* ---- which link it is ---- */

static void note_peer(struct state_link *l, const struct link_state *link)
{
    l->peer_known = true;
    l->peer = link->peer;
    l->peer_ns = link->peer_ns;
}

/*
 * Whoever may make links in the hub (SECURITY.md: who holds CAP_NET_ADMIN at the far end of one) can put another in a
 * link's place, with its name, number and MAC; not one whose other end is where that of the first is.
 */
static bool is_the_one(const struct state_link *l, const struct link_state *link)
{
    return !l->peer_known || (link->peer == l->peer && link->peer_ns == l->peer_ns);
}

struct visit {
    const struct datapath *datapath;
    const struct state *state;
    struct state *noted; /* the same, where the other ends of new links are noted; NULL: there are none */
    bool *is_gone;       /* for each link of the state; NULL: only their number is wanted */
    int hub; /* a route socket in it */
    bool repair;
    unsigned differ, gone, mended;
};

/* Only the datapath's own link has its program; one that has lost it is told by its other end. */
static bool attach_missing(void *argument, struct failure *f)
{
    struct visit *v = argument;
    uint32_t id = datapath_program_id(v->datapath);
    bool ok = true;
    for (size_t i = 0; i < v->state->count; i++) {
        const struct state_link *l = &v->state->links[i];
        struct link_state link;
        bool new = v->noted && !l->peer_known && !state_is_uplink(l);
        if (!new && datapath_attached(l->link) == id)
            continue;
        v->differ++;
        if (!link_get_by_index(v->hub, l->link, &link, NULL) || !is_the_one(l, &link)) {
            v->gone++;
            if (v->is_gone)
                v->is_gone[i] = true;
            continue;
        }
        bool put = v->repair && datapath_attach(v->datapath, l->link, ok ? f : NULL);
        v->mended += put;
        ok = (put || !v->repair) && ok; /* one that cannot be put right holds up no other */
        if (new)
            note_peer(&v->noted->links[i], &link);
    }
    return ok;
}

static bool visit_hub(int hub, struct visit *v, struct failure *f)
{
    SCOPED_FD socket = -1;
    if (!netlink_open(hub, &socket, f))
        return false;
    v->hub = socket;
    return netns_run_in(hub, attach_missing, v, f);
}

bool network_attach(int hub, const struct datapath *d, struct state *s, struct failure *f)
{
    struct visit v = {.datapath = d, .state = s, .noted = s, .repair = true};
    return visit_hub(hub, &v, f);
}

/* ---- what is there, beside what is to be ---- */

/*
 * Whether what was read of the network without its lock is still so: a change that is under way, or that came meanwhile,
 * makes the host's part itself, by what it knows.
 */
static bool still_holds(const void *argument)
{
    const struct network_realised *n = argument;
    struct state_lock lock;
    if (!n->as_of)
        return true;
    if (!state_lock(n->state->name, &lock, NULL))
        return false;
    bool holds = datapath_generation(n->datapath) == n->as_of && datapath_waits(n->datapath) == (n->back != NULL);
    state_unlock(&lock);
    return holds;
}

/* While a change waits to be confirmed, what both policies publish stands. */
static bool check_uplink(const struct network_realised *n, int hub, bool repair, unsigned *ret_differ, struct failure *f)
{
    const struct state_link *l = state_find(n->state, STATE_UPLINK);
    *ret_differ = 0;
    bool waits = datapath_waits(n->datapath);
    if (!n->policy || !l || (waits && !n->back))
        return true;
    const struct network_uplink u = {.policy = n->policy, .also = waits ? n->back : NULL, .link = l->link, .hub = hub, .holds = still_holds, .argument = n};
    return network_uplink_check(&u, repair, ret_differ, f);
}

/* An attached interface that was down has lost the hub's IPv6 addresses. */
static bool readdress(const struct policy *p, const struct state_link *l, int hub, struct failure *f)
{
    struct link_address room[2];
    uint32_t w = p ? policy_find_workload(p, bytes_of_text(l->workload)) : NONE;
    if (w == NONE || !p->workloads[w].attach_interface)
        return true;
    struct attached_plan plan = attached_plan_of(p, &p->workloads[w], room);
    plan.hub_ns_fd = hub;
    plan.hub_index = l->link;
    return attached_readdress(&plan, f);
}

static bool check_up(const struct network_realised *n, int hub, struct visit *v, struct failure *f)
{
    const struct state *s = n->state;
    bool ok = true;
    for (size_t i = 0; i < s->count; i++) {
        struct link_state link;
        if (!link_get_by_index(v->hub, s->links[i].link, &link, NULL) || link.up)
            continue;
        v->differ++;
        struct failure *why = ok ? f : NULL;
        bool put = v->repair && link_up(v->hub, s->links[i].link, why) && readdress(n->policy, &s->links[i], hub, why);
        v->mended += put;
        ok = (put || !v->repair) && ok;
    }
    return ok;
}

bool network_open_hub(const char *name, int *ret_hub, int *ret_socket, struct failure *f)
{
    char netns[128];
    state_netns(name, "hub", netns);
    return netns_open(netns, ret_hub, f) && netlink_open(*ret_hub, ret_socket, f);
}

bool network_check(const struct network_realised *n, bool repair, struct network_drift *ret, struct failure *f)
{
    SCOPED_FD hub = -1;
    SCOPED_FD socket = -1;
    unsigned at_uplink;
    if (!network_open_hub(n->state->name, &hub, &socket, f))
        return false;
    struct visit v = {.datapath = n->datapath, .state = n->state, .hub = socket, .repair = repair};
    bool uplink = check_uplink(n, hub, repair, &at_uplink, f); /* first: a link that was gone is there again, without the program */
    bool ok = netns_run_in(hub, attach_missing, &v, uplink ? f : NULL);
    ok = check_up(n, hub, &v, uplink && ok ? f : NULL) && ok;
    unsigned failed = !uplink && at_uplink; /* what is at the uplink is put right one after the other, up to the first that cannot be */
    *ret = (struct network_drift){.differ = v.differ + at_uplink, .gone = v.gone, .mended = repair ? v.mended + at_uplink - failed : 0};
    if (n->policy)
        network_check_names(n->policy, n->state, socket, ret);
    return uplink && ok;
}

/* ---- links that are gone ---- */

static bool make_again(const struct policy *p, struct state_link *l, int hub, struct failure *f)
{
    struct spoke_room r;
    struct failure why = {""};
    uint32_t w = policy_find_workload(p, bytes_of_text(l->workload));
    if (p->workloads[w].attach_interface)
        return fail(f, "workload %s: its interface %s is gone from the hub, or another has its place there: `bulkhead down %s` and `up`", l->workload,
            p->workloads[w].attach_interface, p->name);
    if (!spoke_of(p, &p->workloads[w], l, hub, &r, &why) || !spoke_relink(&r.spoke, l->peer_known ? l->peer_ns : -1, &why))
        return fail(f, "workload %s has no link to the hub, and cannot have one: %s: `bulkhead down %s` and `up`", l->workload, why.text, p->name);
    l->peer_known = false;
    return true;
}

bool network_relink(const struct policy *p, const struct datapath *d, struct state *s, unsigned *ret_made, struct failure *f)
{
    char netns[128];
    int hub_fd;
    *ret_made = 0;
    state_netns(s->name, "hub", netns);
    if (!netns_open(netns, &hub_fd, f))
        return false;
    SCOPED_FD hub = hub_fd;
    SCOPED_MEMORY bool *gone = calloc(s->count ? s->count : 1, sizeof *gone);
    struct visit v = {.datapath = d, .state = s, .is_gone = gone, .repair = true};
    if (!gone)
        return fail(f, "out of memory");
    bool ok = visit_hub(hub, &v, f);
    for (size_t i = 0; i < s->count; i++) {
        if (!gone[i] || policy_find_workload(p, bytes_of_text(s->links[i].workload)) == NONE) /* the uplink; what a killed `apply` left */
            continue;
        bool made = make_again(p, &s->links[i], hub, ok ? f : NULL);
        *ret_made += made;
        ok = made && ok;
    }
    if (*ret_made && (!network_attach(hub, d, s, ok ? f : NULL) || !state_save(s, ok ? f : NULL)))
        return false;
    return ok;
}
