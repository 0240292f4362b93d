/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "enforce/attached.h"
#include "enforce/clock.h"
#include "enforce/file.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/network_parts.h"
#include "enforce/process.h"
#include "enforce/scope.h"
#include "enforce/tzdata.h"
#include "enforce/uplink.h"
#include "policy/parse.h"

#define SESSIONS 131072

const char *network_interface_missing(const struct policy *p)
{
    if (p->uplink.interface && !if_nametoindex(p->uplink.interface))
        return p->uplink.interface;
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (p->workloads[i].attach_interface && !if_nametoindex(p->workloads[i].attach_interface))
            return p->workloads[i].attach_interface;
    return NULL;
}

struct attached {
    const struct state *state;
    uint32_t program; /* id; 0: none was found */
};

static bool find_attached(void *argument, struct failure *f)
{
    struct attached *a = argument;
    for (size_t i = 0; !a->program && i < a->state->count; i++)
        a->program = datapath_attached(a->state->links[i].link);
    return a->program || fail(f, "no program is attached any more");
}

bool network_open(const char *name, const struct state *s, struct datapath *ret, struct failure *f)
{
    char pins[512], netns[128];
    struct attached a = {.state = s};
    int hub_fd;
    state_pins(name, pins);
    if (datapath_open(pins, ret, f))
        return true;
    state_netns(name, "hub", netns);
    if (!netns_open(netns, &hub_fd, NULL))
        return false;
    SCOPED_FD hub = hub_fd;
    if (!netns_run_in(hub, find_attached, &a, NULL) || !datapath_adopt(a.program, ret, f))
        return false;
    (void)mkdir(PIN_ROOT, 0700);
    if (datapath_pin(ret, pins, f))
        return true;
    datapath_close(ret);
    return false;
}

bool network_hosts(const struct policy *p, struct text *out)
{
    text_puts(out, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    for (uint32_t i = 0; i < p->workload_count; i++)
        for (uint32_t a = 0; a < p->workloads[i].address_count; a++) {
            char address[ADDRESS_TEXT_MAX];
            text_printf(out, "%s %s %s.%s\n", address_print(&p->workloads[i].addresses[a], address), p->workloads[i].name, p->workloads[i].name, p->name);
        }
    return !out->failed;
}

void workload_netns(const struct policy *p, const struct workload *w, char out[NETNS_PATH_MAX])
{
    if (w->attach_netns)
        snprintf(out, NETNS_PATH_MAX, "%s", w->attach_netns);
    else
        snprintf(out, NETNS_PATH_MAX, "%s-%s", p->name, w->name);
}

uint32_t *network_link_numbers(const struct policy *p, const struct state *s, struct arena *arena)
{
    uint32_t *links = arena_array(arena, p->workload_count, sizeof *links);
    for (uint32_t i = 0; links && i < p->workload_count; i++) {
        const struct state_link *l = state_find(s, p->workloads[i].name);
        links[i] = l ? l->link : 0;
    }
    return links;
}

bool network_install(const struct policy_source *source, const struct state *s, struct datapath *d, struct arena *scratch, struct diags *diags,
    struct network_result *ret, struct receipt *receipt, struct failure *f)
{
    const struct policy *p = source->policy;
    uint32_t *links = network_link_numbers(p, s, scratch);
    uint64_t seed;
    if (!links)
        return fail(f, "out of memory");
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return fail_errno(f, errno, "get random numbers");
    struct compile_options o = {
        .compiled = clock_ns(CLOCK_REALTIME) / 1000000000, .tai_offset_ns = clock_ns(CLOCK_TAI) - clock_ns(CLOCK_REALTIME), .seed = seed, .links = links};
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    struct compiled *c = compile_policy(p, &o, scratch, diags);
    if (!c) {
        ret->invalid = true;
        return fail(f, "the policy does not fit");
    }
    if (receipt)
        receipt->compile_ms = clock_milliseconds_since(start);
    start = clock_ns(CLOCK_MONOTONIC);
    ret->sizes = compiled_sizes(c);
    if (!datapath_install(d, c, &ret->generation, f) || !state_save_policy(s->name, ret->generation, source->text, f))
        return false;
    if (receipt)
        receipt->install_ms = clock_milliseconds_since(start);
    return true;
}

/* The cidrs of another network on this machine must not overlap. */
struct overlap {
    const struct policy *policy;
    char other[STATE_NAME_MAX];
    struct prefix prefix;
    bool found;
};

static bool overlaps(const struct policy *a, const struct policy *b, struct prefix *ret)
{
    for (uint32_t i = 0; i < a->segment_count; i++)
        for (uint32_t c = 0; c < a->segments[i].cidr_count; c++)
            for (uint32_t j = 0; j < b->segment_count; j++)
                for (uint32_t e = 0; e < b->segments[j].cidr_count; e++)
                    if (prefix_overlaps(&a->segments[i].cidrs[c], &b->segments[j].cidrs[e])) {
                        *ret = a->segments[i].cidrs[c];
                        return true;
                    }
    return false;
}

static bool look_for_overlap(const char *name, void *argument)
{
    struct overlap *o = argument;
    struct datapath d;
    char pins[512];
    char *text;
    size_t size;
    if (strcmp(name, o->policy->name) == 0)
        return true;
    state_pins(name, pins);
    if (!datapath_open(pins, &d, NULL))
        return true;
    uint32_t generation = datapath_generation(&d);
    datapath_close(&d);
    if (!state_load_policy(name, generation, &text, &size, NULL))
        return true;
    struct arena *arena = arena_create(((size_t)16 << 20) + 20 * size);
    struct diags diags = diags_new(arena);
    const struct policy *other = arena ? policy_parse(bytes_of(text, size), 1, tzdata_find, arena, &diags) : NULL;
    if (other && overlaps(o->policy, other, &o->prefix)) {
        o->found = true;
        snprintf(o->other, sizeof o->other, "%s", name);
    }
    arena_destroy(arena);
    free(text);
    return !o->found;
}

bool network_check_overlap(const struct policy *p, struct failure *f)
{
    struct overlap o = {.policy = p};
    char prefix[ADDRESS_TEXT_MAX];
    state_each(look_for_overlap, &o);
    if (!o.found)
        return true;
    return fail(f, "%s overlaps a segment of the network %s, which is up: choose another cidr, or `bulkhead down %s` first", prefix_print(&o.prefix, prefix), o.other, o.other);
}

bool network_name_is_free(const struct policy *p, const struct workload *w, struct failure *f)
{
    char netns[128];
    state_netns(p->name, w->name, netns);
    if (!netns_name_is_taken(netns))
        return true;
    if (w->attach_netns)
        return fail(f, "the network namespace %s is called as those that bulkhead makes for workload %s of %s, and takes down: give it or the workload another name",
            netns, w->name, p->name);
    return fail(f, NETNS_DIRECTORY "/%s is there already, and bulkhead did not make it for this network: give the workload another name, or remove it (ip netns del %s)",
        netns, netns);
}

static bool check_names(const struct policy *p, struct failure *f)
{
    char netns[128];
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (!network_name_is_free(p, &p->workloads[i], f))
            return false;
    state_netns(p->name, "hub", netns);
    if (netns_name_is_taken(netns))
        return fail(f, NETNS_DIRECTORY "/%s is there already, and bulkhead did not make it for this network: give the network another name, or remove it (ip netns del %s)", netns, netns);
    return true;
}

static bool goes_on(const struct progress *progress, struct failure *f)
{
    return !progress_interrupted(progress) || fail(f, "interrupted, and taken down again");
}

static bool build(const struct policy_source *source, const struct progress *progress, struct state *s, struct arena *scratch, struct diags *diags, struct network_result *ret, struct failure *f)
{
    const struct policy *p = source->policy;
    char netns[128], pins[512];
    int hub_fd;
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (!state_add(s, p->workloads[i].name, LINK_FIRST + i, f))
            return false;
    uint32_t uplink = p->uplink.interface ? LINK_FIRST + p->workload_count : 0;
    if (uplink && !state_add(s, STATE_UPLINK, uplink, f))
        return false;
    if (!state_save(s, f)) /* from here on `down` knows what to take away */
        return false;
    struct datapath d;
    struct datapath_options o = {.links = datapath_links(p->workload_count), .sessions = SESSIONS, .timeouts = p->timeouts,
        .uplink = uplink, .nat = uplink && p->uplink.nat};
    if (!datapath_load(&o, &d, f))
        return false;
    state_pins(p->name, pins);
    state_netns(p->name, "hub", netns);
    bool ok;
    do
        ok = datapath_pin(&d, pins, f);
    while (!ok && mkdir(PIN_ROOT, 0700) == 0); /* it goes with the last network, and the `down` of one may take it away at this moment */
    ok = ok && network_install(source, s, &d, scratch, diags, ret, NULL, f);
    if (ok)
        datapath_switch(&d, ret->generation, 0);
    ok = ok && netns_create(netns, &hub_fd, f);
    if (ok) {
        SCOPED_FD hub = hub_fd;
        ok = hub_prepare(hub, f);
        for (uint32_t i = 0; ok && i < p->workload_count; i++) {
            ok = goes_on(progress, f) && network_add_workload(p, i, &s->links[i], hub, &d, f);
            progress_tell(progress, i + 1, p->workload_count);
        }
        ok = ok && network_uplink_create(&(struct network_uplink){.policy = p, .link = uplink, .hub = hub}, &d, f);
        ok = ok && network_attach(hub, &d, s, f);
    }
    datapath_close(&d);
    return ok && network_start_processes(p, s, 0, f) && goes_on(progress, f);
}

bool network_up(const struct policy_source *source, const struct progress *progress, struct arena *scratch, struct diags *diags, struct network_result *ret,
    struct failure *f)
{
    const struct policy *p = source->policy;
    struct state s = {0};
    struct failure ignored;
    bool was_up;
    *ret = (struct network_result){0};
    snprintf(s.name, sizeof s.name, "%s", p->name);
    if (state_exists(p->name) && !network_down(p->name, &was_up, f)) /* what a killed `up` left */
        return false;
    if (!network_check_overlap(p, f) || !check_names(p, f) || !network_uplink_preflight(p, f) || !network_attached_preflight(p, NULL, f))
        return false;
    bool ok = build(source, progress, &s, scratch, diags, ret, f);
    s.complete = ok;
    ok = ok && state_save(&s, f);
    if (!ok && !network_down(p->name, &was_up, &ignored) && f) {
        struct failure first = *f;
        fail(f, "%.300s; and what was built could not all be removed: %.150s", first.text, ignored.text);
    }
    state_free(&s);
    return ok;
}

static bool stop_agent(const char *name, struct failure *f)
{
    char path[512];
    char *text;
    size_t size;
    state_path(name, "agent", path);
    if (!file_read(path, 4096, &text, &size, NULL))
        return true;
    char *rest;
    pid_t pid = (pid_t)strtol(text, &rest, 10);
    uint64_t start = strtoull(rest, NULL, 10);
    free(text);
    return pid <= 0 || process_stop(pid, start, STOP_MS, f);
}

/* The namespaces that are a network's own: its hub's, and those of its workloads. */
struct namespaces {
    const char *network;
    char hub[128];  /* empty: it is another network's */
    char (*names)[128];
    const char **list; /* of these */
    size_t count;
};

static void leave_to_another(struct namespaces *n, const char *netns)
{
    if (strcmp(n->hub, netns) == 0)
        n->hub[0] = '\0';
    for (size_t i = n->count; i-- > 0;)
        if (strcmp(n->list[i], netns) == 0)
            n->list[i] = n->list[--n->count];
}

/*
 * `a-b-c` may be workload b-c of a, or c of a-b. `up` refuses to make what is there; where it was killed before it came to that,
 * its state names what the other has made.
 */
static bool leave_those_of(const char *other, void *argument)
{
    struct namespaces *n = argument;
    struct state s;
    char netns[128];
    if (strcmp(other, n->network) == 0 || !state_load(other, &s, NULL))
        return true;
    state_netns(other, "hub", netns);
    leave_to_another(n, netns);
    for (size_t i = 0; i < s.count; i++) {
        state_netns(other, s.links[i].workload, netns);
        if (!state_is_uplink(&s.links[i]))
            leave_to_another(n, netns);
    }
    state_free(&s);
    return true;
}

static void find_namespaces(const struct state *s, struct namespaces *n)
{
    state_netns(s->name, "hub", n->hub);
    for (size_t i = 0; i < s->count; i++) {
        if (state_is_uplink(&s->links[i]))
            continue;
        state_netns(s->name, s->links[i].workload, n->names[n->count]);
        n->list[n->count] = n->names[n->count];
        n->count++;
    }
    (void)state_each(leave_those_of, n);
}

static bool remove_namespaces(const struct namespaces *n, struct failure *f)
{
    if (!n->hub[0] || !netns_exists(n->hub)) {
        bool ok = attached_return_all(n->network, -1, f);
        ok = netns_end(n->list, n->count, ok ? f : NULL) && ok; /* commands of `exec`, and what a killed `up` started */
        return (!n->hub[0] || netns_delete(n->hub, f)) && ok;
    }
    int fd;
    bool ok = netns_open(n->hub, &fd, f);
    if (ok) {
        SCOPED_FD hub = fd;
        ok = attached_return_all(n->network, hub, f); /* first: a virtual one would go with the hub */
        if (!ok)
            return false;
        ok = spokes_delete(hub, n->list, n->count, f);
    }
    return netns_delete(n->hub, f) && ok;
}

static bool remove_links(const struct state *s, struct failure *f)
{
    SCOPED_MEMORY char(*names)[128] = calloc(s->count ? s->count : 1, sizeof *names);
    SCOPED_MEMORY const char **list = calloc(s->count ? s->count : 1, sizeof *list);
    if (!names || !list)
        return fail(f, "out of memory");
    struct namespaces n = {.network = s->name, .names = names, .list = list};
    find_namespaces(s, &n);
    return remove_namespaces(&n, f);
}

/* Without a state: an `up` writes it before it makes anything. */
static bool is_only_begun(const char *name, struct failure *f)
{
    char hub[128], path[512];
    state_netns(name, "hub", hub);
    state_path(name, "state", path);
    return !netns_exists(hub) || fail(f, "%s is gone, and what it names is not: remove the namespaces %s and those of its workloads, %s-... (ip netns del), and try again",
        path, hub, name);
}

bool network_down(const char *name, bool *ret_was_up, struct failure *f)
{
    char pins[512];
    struct state s;
    *ret_was_up = state_exists(name);
    if (!*ret_was_up)
        return true;
    if (!process_numbers_hold(f))
        return false;
    state_pins(name, pins);
    char path[512];
    state_path(name, "state", path);
    if (access(path, F_OK) == 0) {
        if (!state_load(name, &s, f))
            return false;
        state_mark_begun(name); /* should this be killed half-way, `up` is not to take what is left for a network */
        bool ok = stop_agent(name, f) && network_stop_processes(&s, f) && uplink_delete(name, f) && remove_links(&s, f);
        state_free(&s);
        if (!ok)
            return false;
    } else if (!is_only_begun(name, f) || !stop_agent(name, f))
        return false;
    return uplink_delete(name, f) && datapath_unpin(pins, f) && state_remove(name, f);
}

