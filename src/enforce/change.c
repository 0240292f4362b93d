/* SPDX-License-Identifier: Apache-2.0 */
/* A running network becomes what another policy says: links and processes come and go, one store switches. */
#include "enforce/network.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decide/uplink.h"
#include "enforce/attached.h"
#include "enforce/clock.h"
#include "enforce/links.h"
#include "enforce/netns.h"
#include "enforce/network_parts.h"
#include "enforce/process.h"
#include "enforce/scope.h"
#include "enforce/tzdata.h"
#include "policy/parse.h"

void receipt_free(struct receipt *r)
{
    free(r->cuts);
    *r = (struct receipt){0};
}

static bool same_addresses(const struct workload *a, const struct workload *b)
{
    if (a->address_count != b->address_count)
        return false;
    for (uint32_t i = 0; i < a->address_count; i++)
        if (!address_equal(&a->addresses[i], &b->addresses[i]))
            return false;
    return true;
}

static uint32_t find_workload(const struct policy *p, const char *name)
{
    return policy_find_workload(p, bytes_of_text(name));
}

static uint32_t free_link(const struct state *s, uint32_t capacity)
{
    for (uint32_t link = LINK_FIRST; link < capacity; link++)
        if (!state_find_link(s, link))
            return link;
    return 0;
}

/* What a running network cannot change into yet is refused before anything happens. */
static bool check_change(const struct policy *old, const struct policy *p, const struct apply_options *o, const struct state *s, uint32_t capacity, struct failure *f)
{
    uint32_t added = 0, removed = 0;
    for (uint32_t i = 0; i < p->workload_count; i++) {
        uint32_t before = find_workload(old, p->workloads[i].name);
        added += before == NONE;
        if (before != NONE && (!texts_equal(old->workloads[before].attach_netns, p->workloads[i].attach_netns) ||
                                  !texts_equal(old->workloads[before].attach_interface, p->workloads[i].attach_interface)))
            return fail(f, "workload %s changes what it is attached to, which apply does not do on a running network: `bulkhead down %s` and `up` again", p->workloads[i].name, p->name);
        if (before != NONE && (!same_addresses(&old->workloads[before], &p->workloads[i]) ||
                                  strcmp(old->segments[old->workloads[before].segment].name, p->segments[p->workloads[i].segment].name) != 0))
            return fail(f, "workload %s changes its address or segment, which apply does not do on a running network: give it its old address (address: in the file), or `bulkhead down %s` and `up` again", p->workloads[i].name, p->name);
    }
    for (uint32_t i = 0; i < old->workload_count; i++)
        removed += find_workload(p, old->workloads[i].name) == NONE;
    if (o->confirm_ns && (added || removed))
        return fail(f, "--confirm covers rules, not workloads: add or remove workloads in an apply of its own");
    if (added > capacity - LINK_FIRST - s->count)
        return fail(f, "no room for %u more workloads in the running tables: `bulkhead down %s` and `up` again", added, p->name);
    if (!network_uplink_may_become(old, p, f))
        return false;
    if (memcmp(&old->timeouts, &p->timeouts, sizeof p->timeouts) != 0)
        return fail(f, "timeouts are fixed while a network is up: `bulkhead down %s` and `up` again", p->name);
    return true;
}

/* Link numbers for the workloads that are new, so that the policy can be compiled before anything is made. */
static bool reserve_links(const struct policy *p, const struct datapath *d, struct state *s, struct failure *f)
{
    for (uint32_t i = 0; i < p->workload_count; i++) {
        if (state_find(s, p->workloads[i].name))
            continue;
        if (!network_name_is_free(p, &p->workloads[i], f))
            return false;
        if (!state_add(s, p->workloads[i].name, free_link(s, d->link_capacity), f))
            return false;
    }
    return true;
}

static bool add_new_workloads(const struct policy *old, const struct policy *p, struct datapath *d, struct state *s, int hub, struct failure *f)
{
    if (!state_save(s, f))
        return false;
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (find_workload(old, p->workloads[i].name) == NONE && !network_add_workload(p, i, state_find(s, p->workloads[i].name), hub, d, f))
            return false;
    return network_attach(hub, d, s, f) && state_save(s, f);
}

static bool remove_workload(const char *name, const struct state_link *l, struct datapath *d, int hub, struct failure *f)
{
    char netns[128];
    struct link_entry none = {.kind = LINK_NONE};
    state_netns(name, l->workload, netns);
    if (l->init && !process_stop(l->init, l->init_start, STOP_MS, f))
        return false;
    return datapath_set_link(d, l->link, &none, f) && attached_return(name, l->workload, hub, f) && spoke_delete(hub, l->link, netns, f);
}

static bool remove_gone_workloads(const struct policy *p, struct datapath *d, struct state *s, int hub, struct failure *f)
{
    for (size_t i = 0; i < s->count;) {
        if (state_is_uplink(&s->links[i]) || find_workload(p, s->links[i].workload) != NONE) {
            i++;
            continue;
        }
        if (!remove_workload(p->name, &s->links[i], d, hub, f))
            return false;
        s->links[i] = s->links[--s->count];
    }
    return state_save(s, f);
}

static int take_cut(void *argument, void *data, size_t size)
{
    struct receipt *r = argument;
    if (size < sizeof(struct event))
        return 0;
    r->cut_total++;
    if (r->cut_count < RECEIPT_CUTS_MAX && r->cuts)
        r->cuts[r->cut_count++] = *(const struct event *)data;
    return 0;
}

/* What is in the ring of receipts, into `r`. */
static void drain_cuts(const struct datapath *d, struct receipt *r)
{
    struct ring_buffer *ring = ring_buffer__new(d->receipts, take_cut, r, NULL);
    if (!ring)
        return;
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
}

static bool switch_and_sweep(struct datapath *d, uint32_t generation, uint64_t confirm_ns, struct receipt *r, struct failure *f)
{
    struct receipt old = {0};
    drain_cuts(d, &old); /* cuts of an earlier change that nobody asked for */
    r->cuts = calloc(RECEIPT_CUTS_MAX, sizeof *r->cuts);
    r->at = (uint64_t)clock_ns(CLOCK_MONOTONIC);
    datapath_switch(d, generation, confirm_ns);
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    if (!datapath_sweep(d, &r->sweep, f))
        return false;
    r->sweep_ms = clock_milliseconds_since(start);
    drain_cuts(d, r);
    if (r->sweep.cut > r->cut_total) /* more than the ring holds: the list is cut short, the number is not */
        r->cut_total = r->sweep.cut;
    return true;
}

static bool publishes_more(const struct policy *old, const struct policy *p)
{
    for (uint32_t i = 0; i < p->uplink.publish_count; i++)
        if (!uplink_published(old, p->uplink.publish[i].protocol, p->uplink.publish[i].port))
            return true;
    return false;
}

/* The policy before, its workloads, processes and published ports; what was cut stays cut. */
static void go_back(const struct policy *old, const struct in_force *was, const struct network_uplink *uplink, struct datapath *d, struct state *s)
{
    struct failure ignored;
    struct network_uplink u = *uplink;
    u.policy = old;
    datapath_restore(d, was);
    (void)!network_uplink_update(&u, &ignored);
    (void)!remove_gone_workloads(old, d, s, uplink->hub, &ignored);
    (void)!network_start_processes(old, s, 0, &ignored);
}

/* The policy that comes back when `generation` is not confirmed; its text is in `scratch` too. */
static const struct policy *read_policy(const char *name, uint32_t generation, struct arena *scratch, struct failure *f)
{
    char *text;
    size_t size;
    const struct policy *p = NULL;
    if (state_load_policy(name, generation, &text, &size, NULL)) {
        struct diags diags = diags_new(scratch);
        p = policy_parse(bytes_of(text, size), (uint64_t)clock_ns(CLOCK_MONOTONIC), tzdata_find, scratch, &diags);
        free(text);
    }
    if (!p)
        fail(f, "the policy that comes back cannot be read: `bulkhead confirm %s` first, or apply without --confirm", name);
    return p;
}

/*
 * While one change after another waits, what comes back is not compiled again: its windows of time are to hold for a day
 * from when it was.
 */
static bool back_holds(const char *name, uint32_t generation, uint64_t confirm_ns, struct failure *f)
{
    int64_t age = clock_ns(CLOCK_REALTIME) / 1000000000 - state_policy_written(name, generation);
    if (age + (int64_t)(confirm_ns / 1000000000) <= 2 * CONFIRM_HOURS_MAX * 3600)
        return true;
    return fail(f, "the policy that comes back was compiled %lld hours ago, and its windows of time hold for a day from then: `bulkhead confirm %s` first, or a shorter --confirm",
        (long long)(age / 3600), name);
}

static bool carry_out(const struct policy *old, const struct policy *p, const struct network_uplink *uplink, struct state *s, struct failure *f)
{
    return network_uplink_update(uplink, f) && network_stop_changed_processes(old, p, s, f) && network_start_processes(p, s, 0, f);
}

static bool apply_steps(const struct policy_source *old, const struct policy_source *source, const struct apply_options *o, struct arena *scratch,
    struct diags *diags, struct network_result *ret, struct receipt *receipt, struct datapath *d, struct state *s, int hub, struct failure *f)
{
    const struct policy *p = source->policy, *back = NULL; /* what comes back unless this is confirmed */
    const struct in_force was = datapath_in_force(d);
    if (o->confirm_ns)
        back = was.deadline ? read_policy(p->name, was.fallback, scratch, f) : old->policy;
    if (o->confirm_ns && was.deadline && back && !back_holds(p->name, was.fallback, o->confirm_ns, f))
        return false;
    if ((o->confirm_ns && !back) || !remove_gone_workloads(old->policy, d, s, hub, f)) /* what a killed `apply` left */
        return false;
    if (!network_check_overlap(p, f) || !check_change(old->policy, p, o, s, d->link_capacity, f) ||
        (publishes_more(old->policy, p) && !network_uplink_preflight(p, f)) || !network_attached_preflight(p, old->policy, f) || !reserve_links(p, d, s, f) ||
        !network_install(source, s, d, scratch, diags, ret, receipt, f) || !add_new_workloads(old->policy, p, d, s, hub, f) || !network_try_processes(old->policy, p, s, f)) {
        struct failure ignored;
        (void)!remove_gone_workloads(old->policy, d, s, hub, &ignored); /* those that were added */
        return false;
    }
    const struct state_link *link = state_find(s, STATE_UPLINK);
    struct network_uplink uplink = {.policy = p, .also = back, .link = link ? link->link : 0, .hub = hub};
    if (!switch_and_sweep(d, ret->generation, o->confirm_ns, receipt, f) || !carry_out(old->policy, p, &uplink, s, f)) {
        ret->went_back = true;
        uplink.also = was.deadline ? back : NULL;
        go_back(old->policy, &was, &uplink, d, s);
        return false;
    }
    state_keep_policies(p->name, ret->generation, back && was.deadline ? was.fallback : was.generation);
    unsigned bound;
    bool named = network_bind_names(p, s, &bound, &ret->broken); /* the change is in force all the same */
    (void)!network_relink(p, d, s, &ret->relinked, named ? &ret->broken : NULL);
    return remove_gone_workloads(p, d, s, hub, f) && state_save(s, f);
}

bool network_apply(const struct policy_source *old, const struct policy_source *source, const struct apply_options *o, struct arena *scratch,
    struct diags *diags, struct network_result *ret, struct receipt *receipt, struct failure *f)
{
    const char *name = source->policy->name;
    char netns[128];
    struct state s;
    struct datapath d;
    int hub_fd;
    *ret = (struct network_result){0};
    *receipt = (struct receipt){0};
    state_netns(name, "hub", netns);
    if (!process_numbers_hold(f) || !netns_return_probe(f) || !state_load(name, &s, f))
        return false;
    bool ok = network_open(name, &s, &d, f);
    if (ok) {
        ok = netns_open(netns, &hub_fd, f);
        if (ok) {
            SCOPED_FD hub = hub_fd;
            ok = apply_steps(old, source, o, scratch, diags, ret, receipt, &d, &s, hub, f);
        }
        datapath_close(&d);
    }
    state_free(&s);
    return ok;
}

bool network_renew(const char *name, const struct policy_source *source, struct datapath *d, const struct state *s, struct arena *scratch,
    struct diags *diags, struct failure *f)
{
    struct network_result result = {0};
    uint32_t before = datapath_generation(d);
    if (datapath_waits(d)) /* a change that waits to be confirmed: later */
        return true;
    if (!network_install(source, s, d, scratch, diags, &result, NULL, f))
        return false;
    datapath_switch(d, result.generation, 0);
    state_keep_policies(name, result.generation, before);
    return true;
}
