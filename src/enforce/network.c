/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/network.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "enforce/clock.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/process.h"
#include "enforce/sandbox.h"
#include "enforce/scope.h"
#include "policy/parse.h"

#define SESSIONS 131072
#define MTU 1500
#define STOP_MS 3000
/* Room for workloads that later policies add. */
#define SPARE_LINKS(n) ((n) / 4 + 16)

static double milliseconds_since(int64_t start)
{
    return (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6;
}

static bool mount_bpffs(struct failure *f)
{
    struct statfs s;
    if (statfs("/sys/fs/bpf", &s) == 0 && s.f_type == BPF_FS_MAGIC)
        return true;
    if (mount("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return fail_errno(f, errno, "mount the BPF file system at /sys/fs/bpf (try: mount -t bpf bpf /sys/fs/bpf)");
    return true;
}

bool network_preflight(struct failure *f)
{
    if (geteuid() != 0)
        return fail(f, "building a network needs root: run it with sudo");
    static const struct {
        int number;
        const char *name;
    } wanted[] = {{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_SETPCAP, "CAP_SETPCAP"}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (prctl(PR_CAPBSET_READ, wanted[i].number, 0, 0, 0) != 1)
            return fail(f, "building a network needs %s, which was taken from this process; a container needs --privileged", wanted[i].name);
    if (!datapath_probe(f) || !mount_bpffs(f))
        return false;
    if (mkdir(PIN_ROOT, 0700) && errno != EEXIST)
        return fail_errno(f, errno, "make %s", PIN_ROOT);
    return true;
}

static struct link_address to_link_address(const struct address *a)
{
    struct link_address l = {.family = a->family};
    memcpy(l.octets, a->octets, sizeof l.octets);
    return l;
}

/* The hub's own address of a family in a segment; NULL: none. */
static const struct address *hub_address(const struct segment *s, uint8_t family)
{
    for (uint32_t i = 0; i < s->cidr_count; i++)
        if (s->hub_addresses[i].family == family)
            return &s->hub_addresses[i];
    return NULL;
}

static void link_macs(uint32_t link, uint8_t workload[6], uint8_t hub[6])
{
    /* locally administered, unicast; a link has two ends and nobody else, so they need not differ between networks */
    uint8_t mac[6] = {0x02, 0x62, 0x6b, (uint8_t)(link >> 8), (uint8_t)link, 1};
    memcpy(workload, mac, 6);
    mac[5] = 2;
    memcpy(hub, mac, 6);
}

/* The workload's place in the datapath, then its namespace and link, then the program on it. */
static bool add_workload(const struct policy *p, uint32_t index, uint32_t link, int hub, struct datapath *d, struct failure *f)
{
    const struct workload *w = &p->workloads[index];
    const struct segment *segment = &p->segments[w->segment];
    const struct address *hub4 = hub_address(segment, 4), *hub6 = hub_address(segment, 6);
    struct link_address addresses[64], next4, next6;
    char netns[128], hub_link[16];
    if (w->address_count > 64)
        return fail(f, "workload %s has %u addresses, at most 64 are possible", w->name, w->address_count);
    for (uint32_t i = 0; i < w->address_count; i++)
        addresses[i] = to_link_address(&w->addresses[i]);
    state_netns(p->name, w->name, netns);
    snprintf(hub_link, sizeof hub_link, "w%u", link);
    struct spoke spoke = {.hub_ns_fd = hub, .netns = netns, .existing = w->attach_netns, .hub_link = hub_link, .hub_index = link, .mtu = MTU, .addresses = addresses, .address_count = w->address_count};
    struct link_entry entry = {.kind = LINK_WORKLOAD, .mtu = MTU};
    if (hub4) {
        next4 = to_link_address(hub4);
        spoke.hub4 = &next4;
        memcpy(&entry.hub_v4, hub4->octets, 4);
    }
    if (hub6) {
        next6 = to_link_address(hub6);
        spoke.hub6 = &next6;
        memcpy(entry.hub_v6, hub6->octets, 16);
    }
    link_macs(link, spoke.workload_mac, spoke.hub_mac);
    memcpy(entry.mac, spoke.workload_mac, 6);
    memcpy(entry.hub_mac, spoke.hub_mac, 6);
    return datapath_set_link(d, link, &entry, f) && spoke_create(&spoke, NULL, f);
}

struct attach {
    const struct datapath *datapath;
    const struct state *state;
    bool repair;
    unsigned differ;
};

static bool attach_all(void *argument, struct failure *f)
{
    const struct attach *a = argument;
    for (size_t i = 0; i < a->state->count; i++)
        if (!datapath_attach(a->datapath, a->state->links[i].link, f))
            return false;
    return true;
}

static bool check_all(void *argument, struct failure *f)
{
    struct attach *a = argument;
    uint32_t id = datapath_program_id(a->datapath);
    bool ok = true;
    for (size_t i = 0; i < a->state->count; i++) {
        uint32_t link = a->state->links[i].link;
        if (datapath_attached(link) == id)
            continue;
        a->differ++;
        ok = (!a->repair || datapath_attach(a->datapath, link, f)) && ok; /* one that cannot be put right holds up no other */
    }
    return ok;
}

bool network_check(const char *name, const struct datapath *d, const struct state *s, bool repair, unsigned *ret_differ, struct failure *f)
{
    char netns[128];
    int hub_fd;
    state_netns(name, "hub", netns);
    if (!netns_open(netns, &hub_fd, f))
        return false;
    SCOPED_FD hub = hub_fd;
    SCOPED_FD socket = -1;
    struct attach a = {.datapath = d, .state = s, .repair = repair};
    if (!netns_run_in(hub, check_all, &a, f) || !netlink_open(hub, &socket, f))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct link_state link;
        bool down = link_get_by_index(socket, s->links[i].link, &link, NULL) && !link.up;
        a.differ += down;
        if (down && repair && !link_up(socket, s->links[i].link, f))
            return false;
    }
    *ret_differ = a.differ;
    return true;
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

static enum restart restart_of(enum restart_policy r)
{
    return r == RESTART_POLICY_ALWAYS ? RESTART_ALWAYS : r == RESTART_POLICY_ON_FAILURE ? RESTART_ON_FAILURE : RESTART_NEVER;
}

static bool start_process(const struct policy *p, const struct workload *w, const char *hosts, struct state_link *l, struct failure *f)
{
    char netns[NETNS_PATH_MAX], log[512], file[64];
    workload_netns(p, w, netns);
    snprintf(file, sizeof file, "%s.log", w->name);
    state_path(p->name, file, log);
    struct sandbox s = {
        .workload = w->name, .netns_path = netns, .hosts = hosts, .argv = (char *const *)(uintptr_t)w->run.command,
        .env = (char *const *)(uintptr_t)w->run.environment, .user = w->run.user, .directory = w->run.directory, .restart = restart_of(w->run.restart), .log_path = log};
    struct failure why = {""};
    if (!sandbox_start(&s, &l->init, &why))
        return fail(f, "workload %s, run: %s", w->name, why.text);
    l->init_start = process_start_time(l->init);
    return true;
}

/* Whether its process is to be started: it never was, or it is gone and is to run always. */
static bool wants_start(const struct workload *w, const struct state_link *l)
{
    if (!w->run.command)
        return false;
    return l->init == 0 || (w->run.restart == RESTART_POLICY_ALWAYS && !process_is(l->init, l->init_start));
}

bool network_start_processes(const struct policy *p, struct state *s, struct failure *f)
{
    struct text hosts = text_new((size_t)16 << 20);
    bool ok = network_hosts(p, &hosts) || fail(f, "out of memory");
    for (uint32_t i = 0; ok && i < p->workload_count; i++) {
        struct state_link *l = state_find(s, p->workloads[i].name);
        if (!l || !wants_start(&p->workloads[i], l))
            continue;
        ok = start_process(p, &p->workloads[i], text_cstr(&hosts), l, f) && state_save(s, f);
    }
    text_free(&hosts);
    return ok;
}

/* Compile for the links that the state gives, and put it into a slot. */
static bool install(const struct policy_source *source, const struct state *s, struct datapath *d, struct arena *scratch, struct diags *diags,
    struct network_result *ret, struct receipt *receipt, struct failure *f)
{
    const struct policy *p = source->policy;
    uint32_t *links = arena_array(scratch, p->workload_count, sizeof *links);
    uint64_t seed;
    if (!links)
        return fail(f, "out of memory");
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return fail_errno(f, errno, "get random numbers");
    for (uint32_t i = 0; i < p->workload_count; i++) {
        const struct state_link *l = state_find(s, p->workloads[i].name);
        links[i] = l ? l->link : 0;
    }
    struct compile_options o = {
        .compiled = clock_ns(CLOCK_REALTIME) / 1000000000, .tai_offset_ns = clock_ns(CLOCK_TAI) - clock_ns(CLOCK_REALTIME), .seed = seed, .links = links};
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    struct compiled *c = compile_policy(p, &o, scratch, diags);
    if (!c) {
        ret->invalid = true;
        return fail(f, "the policy does not fit");
    }
    if (receipt)
        receipt->compile_ms = milliseconds_since(start);
    start = clock_ns(CLOCK_MONOTONIC);
    ret->sizes = compiled_sizes(c);
    if (!datapath_install(d, c, &ret->generation, f) || !state_save_policy(s->name, ret->generation, source->text, f))
        return false;
    if (receipt)
        receipt->install_ms = milliseconds_since(start);
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
    const struct policy *other = arena ? policy_parse(bytes_of(text, size), 1, arena, &diags) : NULL;
    if (other && overlaps(o->policy, other, &o->prefix)) {
        o->found = true;
        snprintf(o->other, sizeof o->other, "%s", name);
    }
    arena_destroy(arena);
    free(text);
    return !o->found;
}

static bool check_overlap(const struct policy *p, struct failure *f)
{
    struct overlap o = {.policy = p};
    char prefix[ADDRESS_TEXT_MAX];
    state_each(look_for_overlap, &o);
    if (!o.found)
        return true;
    return fail(f, "%s overlaps a segment of the network %s, which is up: choose another cidr, or `bulkhead down %s` first", prefix_print(&o.prefix, prefix), o.other, o.other);
}

static bool check_names(const struct policy *p, struct failure *f)
{
    char netns[128];
    for (uint32_t i = 0; i < p->workload_count; i++) {
        if (strcmp(p->workloads[i].name, "hub") == 0)
            return fail(f, "a workload cannot be called hub: the hub's own namespace has that name");
        state_netns(p->name, p->workloads[i].name, netns);
        if (netns_exists(netns))
            return fail(f, "there is a network namespace %s already, which bulkhead did not make for this network: remove it (ip netns del %s) or rename", netns, netns);
    }
    state_netns(p->name, "hub", netns);
    if (netns_exists(netns))
        return fail(f, "there is a network namespace %s already: `bulkhead down %s`, or remove it (ip netns del %s)", netns, p->name, netns);
    return true;
}

/* What no enforcement point does yet is refused, never ignored. */
static bool check_enforceable(const struct policy *p, struct failure *f)
{
    struct place at;
    const char *feature = policy_unenforced(p, &at);
    if (!feature)
        return true;
    return fail(f, "line %u of the policy uses `%s`, which is not enforced yet: remove it, or use the offline verbs (check, why, matrix, diff)", at.line, feature);
}

static bool build(const struct policy_source *source, struct state *s, struct arena *scratch, struct diags *diags, struct network_result *ret, struct failure *f)
{
    const struct policy *p = source->policy;
    char netns[128], pins[512];
    int hub_fd;
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (!state_add(s, p->workloads[i].name, LINK_FIRST + i, f))
            return false;
    if (!state_save(s, f)) /* from here on `down` knows what to take away */
        return false;
    struct datapath d;
    struct datapath_options o = {.links = LINK_FIRST + p->workload_count + SPARE_LINKS(p->workload_count), .sessions = SESSIONS, .timeouts = p->timeouts};
    if (!datapath_load(&o, &d, f))
        return false;
    state_pins(p->name, pins);
    state_netns(p->name, "hub", netns);
    bool ok;
    do
        ok = datapath_pin(&d, pins, f);
    while (!ok && mkdir(PIN_ROOT, 0700) == 0); /* the `down` of another network had taken the empty directory away */
    ok = ok && install(source, s, &d, scratch, diags, ret, NULL, f);
    if (ok)
        datapath_switch(&d, ret->generation, 0);
    ok = ok && netns_create(netns, &hub_fd, f);
    if (ok) {
        SCOPED_FD hub = hub_fd;
        struct attach a = {.datapath = &d, .state = s};
        ok = hub_prepare(hub, f);
        for (uint32_t i = 0; ok && i < p->workload_count; i++)
            ok = add_workload(p, i, LINK_FIRST + i, hub, &d, f);
        ok = ok && netns_run_in(hub, attach_all, &a, f);
    }
    datapath_close(&d);
    return ok && network_start_processes(p, s, f);
}

bool network_up(const struct policy_source *source, struct arena *scratch, struct diags *diags, struct network_result *ret, struct failure *f)
{
    const struct policy *p = source->policy;
    struct state s = {0};
    struct failure ignored;
    bool was_up;
    *ret = (struct network_result){0};
    snprintf(s.name, sizeof s.name, "%s", p->name);
    if (!check_enforceable(p, f))
        return false;
    if (state_exists(p->name) && !network_down(p->name, &was_up, f)) /* what a killed `up` left */
        return false;
    if (!check_overlap(p, f) || !check_names(p, f))
        return false;
    bool ok = build(source, &s, scratch, diags, ret, f);
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

/* Ask all to end first, so that waiting for them takes the time of the slowest. */
static bool stop_processes(const struct state *s, struct failure *f)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->links[i].init && process_is(s->links[i].init, s->links[i].init_start))
            kill(s->links[i].init, SIGTERM);
    bool ok = true;
    for (size_t i = 0; i < s->count; i++)
        if (s->links[i].init && !process_stop(s->links[i].init, s->links[i].init_start, STOP_MS, f))
            ok = false;
    return ok;
}

static bool remove_links(const struct state *s, struct failure *f)
{
    char hub_name[128];
    state_netns(s->name, "hub", hub_name);
    SCOPED_MEMORY char(*names)[128] = calloc(s->count ? s->count : 1, sizeof *names);
    SCOPED_MEMORY const char **list = calloc(s->count ? s->count : 1, sizeof *list);
    if (!names || !list)
        return fail(f, "out of memory");
    for (size_t i = 0; i < s->count; i++) {
        state_netns(s->name, s->links[i].workload, names[i]);
        list[i] = names[i];
    }
    bool ok = true;
    processes_kill_in_netns(list, s->count); /* commands of `exec`, and what a killed `up` started */
    if (netns_exists(hub_name)) {
        int fd;
        ok = netns_open(hub_name, &fd, f);
        if (ok) {
            SCOPED_FD hub = fd;
            ok = spokes_delete(hub, list, s->count, f);
        }
    } else {
        for (size_t i = 0; i < s->count; i++)
            ok = netns_delete(list[i], f) && ok;
    }
    return netns_delete(hub_name, f) && ok;
}

bool network_down(const char *name, bool *ret_was_up, struct failure *f)
{
    char pins[512];
    struct state s;
    *ret_was_up = state_exists(name);
    if (!*ret_was_up)
        return true;
    state_pins(name, pins);
    char path[512];
    state_path(name, "state", path);
    if (access(path, F_OK) == 0) {
        if (!state_load(name, &s, f))
            return false;
        bool ok = stop_agent(name, f) && stop_processes(&s, f) && remove_links(&s, f);
        state_free(&s);
        if (!ok)
            return false;
    }
    return datapath_unpin(pins, f) && state_remove(name, f);
}

/* --- apply --- */

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

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What a running network cannot change into yet is refused before anything happens. */
static bool check_change(const struct policy *old, const struct policy *p, const struct apply_options *o, const struct state *s, uint32_t capacity, struct failure *f)
{
    uint32_t added = 0, removed = 0;
    if (!check_enforceable(p, f))
        return false;
    for (uint32_t i = 0; i < p->workload_count; i++) {
        uint32_t before = find_workload(old, p->workloads[i].name);
        added += before == NONE;
        if (before != NONE && !same_text(old->workloads[before].attach_netns, p->workloads[i].attach_netns))
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
    if (memcmp(&old->timeouts, &p->timeouts, sizeof p->timeouts) != 0)
        return fail(f, "timeouts are fixed while a network is up: `bulkhead down %s` and `up` again", p->name);
    return true;
}

static bool attach_missing(void *argument, struct failure *f)
{
    struct attach *a = argument;
    a->repair = true;
    return check_all(a, f);
}

/* Link numbers for the workloads that are new, so that the policy can be compiled before anything is made. */
static bool reserve_links(const struct policy *p, const struct datapath *d, struct state *s, struct failure *f)
{
    for (uint32_t i = 0; i < p->workload_count; i++) {
        if (state_find(s, p->workloads[i].name))
            continue;
        char netns[128];
        state_netns(p->name, p->workloads[i].name, netns);
        if (netns_exists(netns))
            return fail(f, "there is a network namespace %s already: remove it (ip netns del %s)", netns, netns);
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
        if (find_workload(old, p->workloads[i].name) == NONE && !add_workload(p, i, state_find(s, p->workloads[i].name)->link, hub, d, f))
            return false;
    struct attach a = {.datapath = d, .state = s};
    return netns_run_in(hub, attach_missing, &a, f);
}

static bool remove_workload(const char *name, const struct state_link *l, struct datapath *d, int hub, struct failure *f)
{
    char netns[128], hub_link[16];
    struct link_entry none = {.kind = LINK_NONE};
    state_netns(name, l->workload, netns);
    snprintf(hub_link, sizeof hub_link, "w%u", l->link);
    if (l->init && !process_stop(l->init, l->init_start, STOP_MS, f))
        return false;
    processes_kill_in_netns((const char *const[]){netns}, 1); /* as in remove_links */
    return datapath_set_link(d, l->link, &none, f) && spoke_delete(hub, hub_link, netns, f);
}

static bool remove_gone_workloads(const struct policy *p, struct datapath *d, struct state *s, int hub, struct failure *f)
{
    for (size_t i = 0; i < s->count;) {
        if (find_workload(p, s->links[i].workload) != NONE) {
            i++;
            continue;
        }
        if (!remove_workload(p->name, &s->links[i], d, hub, f))
            return false;
        s->links[i] = s->links[--s->count];
    }
    return state_save(s, f);
}

static bool same_words(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool same_run(const struct run *a, const struct run *b)
{
    return same_words(a->command, b->command) && same_words(a->environment, b->environment) && same_text(a->user, b->user) &&
        same_text(a->directory, b->directory) && a->restart == b->restart;
}

/* Processes whose `run:` differs are stopped; network_start_processes starts the new ones. */
static bool stop_changed_processes(const struct policy *old, const struct policy *p, struct state *s, struct failure *f)
{
    for (uint32_t i = 0; i < p->workload_count; i++) {
        uint32_t before = find_workload(old, p->workloads[i].name);
        struct state_link *l = state_find(s, p->workloads[i].name);
        if (before == NONE || !l || !l->init || same_run(&old->workloads[before].run, &p->workloads[i].run))
            continue;
        if (!process_stop(l->init, l->init_start, STOP_MS, f))
            return false;
        l->init = 0;
    }
    return true;
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
    r->sweep_ms = milliseconds_since(start);
    drain_cuts(d, r);
    if (r->sweep.cut > r->cut_total) /* more than the ring holds: the list is cut short, the number is not */
        r->cut_total = r->sweep.cut;
    return true;
}

static bool apply_steps(const struct policy_source *old, const struct policy_source *source, const struct apply_options *o, struct arena *scratch,
    struct diags *diags, struct network_result *ret, struct receipt *receipt, struct datapath *d, struct state *s, int hub, struct failure *f)
{
    const struct policy *p = source->policy;
    uint32_t before = datapath_generation(d);
    if (!remove_gone_workloads(old->policy, d, s, hub, f)) /* what a killed `apply` left */
        return false;
    if (!check_overlap(p, f) || !check_change(old->policy, p, o, s, d->link_capacity, f) || !reserve_links(p, d, s, f) ||
        !install(source, s, d, scratch, diags, ret, receipt, f) || !add_new_workloads(old->policy, p, d, s, hub, f)) {
        struct failure ignored;
        (void)!remove_gone_workloads(old->policy, d, s, hub, &ignored); /* those that were added */
        return false;
    }
    if (!switch_and_sweep(d, ret->generation, o->confirm_ns, receipt, f))
        return false;
    state_keep_policies(p->name, ret->generation, before);
    if (!stop_changed_processes(old->policy, p, s, f) || !network_start_processes(p, s, f)) {
        struct failure ignored;
        datapath_switch(d, before, 0); /* the policy before, its workloads and its processes; what was cut stays cut */
        (void)!remove_gone_workloads(old->policy, d, s, hub, &ignored);
        (void)!network_start_processes(old->policy, s, &ignored);
        return false;
    }
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
    if (!state_load(name, &s, f))
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
    if (d->shared->deadline) /* a change that waits to be confirmed: later */
        return true;
    if (!install(source, s, d, scratch, diags, &result, NULL, f))
        return false;
    datapath_switch(d, result.generation, 0);
    state_keep_policies(name, result.generation, before);
    return true;
}
