/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loaded kernel programs against the reference: random policies, random packets, time that passes, policies that
 * change in between. Verdict, reason, rule and destination are equal in every one, and what comes out is the frame
 * that went in with the addresses, ports and checksums that section 9 of docs/packets.md says.
 *
 *   packets [--policies N] [--packets N] [--seed N] [--stories PERCENT]
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "compile/compile.h"
#include "decide/packet.h"
#include "enforce/datapath.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "decide/uplink.h"
#include "enforce/netns.h"
#include "../unit/policy/zones.h"
#include "leaves.h"
#include "policy/parse.h"
#include "random_packet.h"
#include "random_policy.h"

/* Two sets of seven places, and a session may stand in either: there are spilled ones, and the table is full at times. */
#define SESSIONS 8
#define SESSION_SETS 2
#define SESSIONS_MAX 14
#define HEADERS_MAX 54 /* Ethernet and IPv6 */
#define LINKS_MAX (NETWORK_WORKLOADS_MAX + 1) /* and the uplink */
#define UPLINK (LINK_FIRST + LINKS_MAX - 1)
#define OUTER_PORTS 6 /* of each link: few, so that they run out */
#define NS 1000000000
#define DAY 86400
#define UNCONFIRMED ((int64_t)30 * NS) /* their timeout */

struct parsed {
    struct arena *arena, *tables;
    struct policy *policy;
    struct text text;
};

struct round {
    struct random random;
    uint64_t seed;
    struct datapath *datapath;
    struct reference *reference;
    struct link links[LINKS_MAX]; /* one for each workload, then the uplink's where the network has one */
    uint32_t link_count, stories;
    bool uplink;
    int64_t now; /* ns UTC */
    uint64_t packets, passed, through, reasons[REASONS];
};

/* What came out of the kernel programs. */
struct kernel_side {
    struct test_verdict verdict;
    struct bytes out;
    uint16_t outer_port; /* that a session was given; 0: none */
    uint32_t act; /* TC_ACT_... */
    int error;
};

static void parsed_free(struct parsed *p)
{
    arena_destroy(p->arena);
    arena_destroy(p->tables);
    text_free(&p->text);
    *p = (struct parsed){0};
}

static bool parse(struct round *r, const struct random_network *n, struct parsed *ret)
{
    ret->text = text_new(1 << 20);
    random_policy_print(n, &r->random, &ret->text);
    ret->arena = arena_create((size_t)64 << 20);
    ret->tables = arena_create((size_t)256 << 20);
    struct diags diags = diags_new(ret->arena);
    ret->policy = policy_parse(bytes_of_text(text_cstr(&ret->text)), random_next(&r->random), zones_made, ret->arena, &diags);
    if (ret->policy)
        return true;
    struct text out = text_new(1 << 16);
    diags_print(&diags, "random.yaml", bytes_of_text(text_cstr(&ret->text)), false, &out);
    printf("# %s\n%s\n", text_cstr(&out), text_cstr(&ret->text));
    text_free(&out);
    return false;
}

/* The uplink's interface is the same for all networks: the programs are loaded once. */
static uint32_t interface_of(const struct round *r, uint32_t number)
{
    return r->uplink && number == r->link_count - 1 ? UPLINK : LINK_FIRST + number;
}

static void set_now(struct round *r)
{
    r->datapath->shared->test_now = (uint64_t)r->now;
}

/* `v4` and `v6`: the hub's addresses there, or NULL. */
static bool set_link(struct round *r, uint32_t number, enum bulkhead_link_kind kind, const struct address *v4, const struct address *v6)
{
    const struct link *l = &r->links[number];
    struct link_entry e = {.kind = kind, .mtu = l->mtu, .answers_per_second = ANSWERS_PER_SECOND, .adopt_until = (uint64_t)l->adopt_until};
    memcpy(e.mac, l->mac, 6);
    memcpy(e.hub_mac, l->hub_mac, 6);
    if (v4)
        memcpy(&e.hub_v4, v4->octets, 4);
    if (v6)
        memcpy(e.hub_v6, v6->octets, 16);
    struct failure f;
    if (datapath_set_link(r->datapath, interface_of(r, number), &e, &f))
        return true;
    printf("# %s\n", f.text);
    return false;
}

/* The uplink's link is the last; where a policy has no uplink it belongs to nobody. */
static bool set_uplink(struct round *r, const struct policy *p)
{
    uint32_t last = r->link_count - 1;
    enum bulkhead_link_kind kind = p->uplink.interface ? LINK_UPLINK : LINK_NONE;
    return !r->uplink || set_link(r, last, kind, uplink_outer_address(p, 4), uplink_outer_address(p, 6));
}

/* Put the policy in force on both sides. */
static bool apply(struct round *r, struct parsed *p)
{
    struct failure f;
    uint32_t links[LINKS_MAX], generation;
    for (uint32_t i = 0; i < r->link_count; i++)
        if (r->links[i].workload != NONE)
            links[r->links[i].workload] = LINK_FIRST + i;
    int64_t compiled = r->now / NS;
    struct compile_options o = {.compiled = compiled, .seed = random_next(&r->random), .links = links};
    if (!set_uplink(r, p->policy))
        return false;
    struct diags diags = diags_new(p->arena);
    struct compiled *c = compile_policy(p->policy, &o, p->tables, &diags);
    if (!c || !datapath_install(r->datapath, c, &generation, &f)) {
        printf("# cannot install: %s\n%s\n", c ? f.text : diags.items[0].message, text_cstr(&p->text));
        return false;
    }
    datapath_switch(r->datapath, generation, 0);
    return reference_apply(r->reference, p->policy, compiled, r->links, r->link_count);
}

static bool set_workload_link(struct round *r, uint32_t number, const struct policy *p)
{
    const struct link *l = &r->links[number];
    if (l->workload == NONE)
        return true;
    const struct segment *segment = &p->segments[p->workloads[l->workload].segment];
    return set_link(r, number, l->any_mac ? LINK_ATTACHED : LINK_WORKLOAD, segment_hub_address(segment, 4), segment_hub_address(segment, 6));
}

static bool set_links(struct round *r, const struct random_network *n, const struct policy *p)
{
    r->uplink = n->uplink;
    r->link_count = p->workload_count + n->uplink;
    for (uint32_t i = 0; i < r->link_count; i++) {
        struct link *l = &r->links[i];
        *l = (struct link){.workload = i < p->workload_count ? i : NONE, .mac = {2, 0, 0, 0, 1, (uint8_t)i}, .hub_mac = {2, 0, 0, 0, 2, (uint8_t)i},
            .mtu = random_chance(&r->random, 8) ? 60 : 1500, .outer_first = (uint16_t)(OUTER_PORT_FIRST + (LINK_FIRST + i) * OUTER_PORTS), .outer_count = OUTER_PORTS};
        l->any_mac = l->workload != NONE && random_chance(&r->random, 20);
        if (l->workload != NONE && random_chance(&r->random, 30))
            l->adopt_until = r->now + random_below(&r->random, 300) * (int64_t)NS;
        if (!set_workload_link(r, i, p))
            return false;
    }
    return true;
}

static struct kernel_side run_kernel(struct round *r, const struct frame *f)
{
    static uint8_t out[4096];
    struct __sk_buff skb = {.ifindex = interface_of(r, f->link)};
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = (uint32_t)f->length, .data_out = out, .data_size_out = sizeof out,
        .ctx_in = &skb, .ctx_size_in = sizeof skb);
    memset(&r->datapath->shared->test_verdict, 0xff, sizeof(struct test_verdict));
    r->datapath->shared->test_outer_port = 0;
    int error = bpf_prog_test_run_opts(r->datapath->program, &o);
    struct kernel_side k = {.verdict = r->datapath->shared->test_verdict, .out = bytes_of(out, o.data_size_out),
        .outer_port = (uint16_t)r->datapath->shared->test_outer_port, .act = o.retval, .error = error};
    /* What belongs to nobody is dropped before there is a verdict to write down. */
    if (!error && k.verdict.reason == UINT32_MAX && o.retval == TC_ACT_SHOT)
        k.verdict = (struct test_verdict){.reason = REASON_IDENTITY_UNKNOWN, .rule = NO_RULE};
    return k;
}

static void print_frame(const char *what, struct bytes f)
{
    printf("#   %s, %zu bytes:", what, f.len);
    for (size_t i = 0; i < f.len; i++)
        printf("%s%02x", i % 16 == 0 ? "\n#     " : " ", f.at[i]);
    printf("\n");
}

static int link_of_interface(const struct round *r, uint32_t interface)
{
    return r->uplink && interface == UPLINK ? (int)r->link_count - 1 : (int)interface - LINK_FIRST;
}

static void print_ends(const char *what, const struct packet_ends *e)
{
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    printf("#     %s %s port %u -> %s port %u\n", what, address_print(&e->from, from), e->from_port, address_print(&e->to, to), e->to_port);
}

static void print_difference(const struct round *r, const struct frame *f, const struct kernel_side *kernel, const struct packet_verdict *v, const char *wrong,
    const struct parsed *p)
{
    const struct test_verdict *k = &kernel->verdict;
    printf("# packet %" PRIu64 " of seed %" PRIu64 " differs%s%s:\n", r->packets, r->seed, wrong ? " in what comes out: " : "", wrong ? wrong : "");
    printf("#   kernel:    %s, rule %d, %s, to %d\n", k->reason < REASONS ? reason_name(k->reason) : "?", k->rule == NO_RULE ? -1 : (int)k->rule,
        k->passes ? (k->observed ? "passes (observed)" : "passes") : "refused", k->passes ? link_of_interface(r, k->to_link) : -1);
    printf("#   reference: %s, rule %d, %s, to %d\n", reason_name(v->verdict.reason), (int)v->verdict.rule,
        v->passes ? (v->verdict.enforced ? "passes" : "passes (observed)") : "refused", v->passes ? (int)v->to_link : -1);
    if (v->passes)
        print_ends("leaves as", &v->out);
    if (v->passes && v->quotes)
        print_ends("and quotes", &v->quoted);
    printf("#   on link %u\n", f->link);
    print_frame("in", bytes_of(f->bytes, f->length));
    if (k->passes)
        print_frame("out", kernel->out);
    printf("%s\n", text_cstr(&p->text));
}

/* Where the kernel side has chosen an outer port, the reference and the world's replies use it from now on. */
static bool learn_port(struct round *r, struct packet_source *s, const struct frame *f, uint16_t port)
{
    if (!port)
        return true;
    packet_source_learn(s, f, port);
    return reference_outer_port(r->reference, port);
}

/* NULL when the frame left as it must. */
static const char *compare_out(const struct frame *f, const struct kernel_side *k, struct packet_verdict *v)
{
    if (v->port_guessed && leaves_port(k->out, v) != k->outer_port)
        return "another outer port than was chosen";
    return leaves_wrong(bytes_of(f->bytes, f->length), k->out, v);
}

/* The world learns only what a router would tell it of one. */
static bool is_silent(const struct round *r, uint32_t link, uint32_t reason)
{
    return r->links[link].workload == NONE && reason != REASON_TOO_BIG && reason != REASON_TTL;
}

static bool compare(struct round *r, struct packet_source *s, const struct frame *f, const struct parsed *p)
{
    struct kernel_side kernel = run_kernel(r, f);
    const struct test_verdict *k = &kernel.verdict;
    if (kernel.error) { /* BPF_PROG_TEST_RUN takes no frame without a whole IP header; those go over real links */
        if (f->length >= HEADERS_MAX)
            printf("# BPF_PROG_TEST_RUN refused %zu bytes: %s\n", f->length, strerror(-kernel.error));
        return f->length < HEADERS_MAX;
    }
    struct packet_verdict v = reference_packet(r->reference, f->link, bytes_of(f->bytes, f->length), r->now);
    uint32_t rule = v.verdict.rule == NONE ? NO_RULE : v.verdict.rule;
    r->packets++;
    r->passed += v.passes;
    r->through += v.passes && r->uplink && (v.to_link == r->link_count - 1 || f->link == r->link_count - 1);
    if (k->reason < REASONS)
        r->reasons[k->reason]++;
    bool same = k->reason == v.verdict.reason && k->rule == rule && k->passes == v.passes &&
        (!v.passes || k->to_link == interface_of(r, v.to_link)) && (!v.passes || k->observed == !v.verdict.enforced);
    const char *wrong = !same || learn_port(r, s, f, kernel.outer_port) ? NULL : "an outer port that may not be";
    if (same && !wrong && v.passes)
        wrong = compare_out(f, &kernel, &v);
    if (same && !v.passes && kernel.act != TC_ACT_SHOT && is_silent(r, f->link, k->reason))
        wrong = "the world is answered";
    if (same && !wrong)
        return true;
    print_difference(r, f, &kernel, &v, wrong, p);
    return false;
}

/* No two packets at the same time, or sessions would be equally old; and no sooner than a translation has settled. */
static void pass_time(struct round *r)
{
    uint32_t dice = random_below(&r->random, 1000);
    r->now += PACKET_SOURCE_TICK;
    if (dice < 30) /* the first moment of a minute, where windows end */
        r->now += (60 - r->now / NS % 60 + 60 * random_below(&r->random, 3)) * NS - r->now % NS;
    else if (dice < 900)
        r->now += random_below(&r->random, 50) * (int64_t)1000000;
    else if (dice < 970)
        r->now += random_below(&r->random, 40) * (int64_t)NS;
    else if (dice < 990)
        r->now += 30 * (int64_t)NS; /* just at the timeout */
    else if (dice < 998)
        r->now += random_below(&r->random, 5000) * (int64_t)NS;
    else
        r->now += random_below(&r->random, 30) * (int64_t)3600 * NS;
    set_now(r);
}

/* A story says itself how much time passes before its frames. */
static void pass_pause(struct round *r, int64_t pause)
{
    if (pause < 0) {
        pass_time(r);
        return;
    }
    r->now += pause;
    set_now(r);
}

static bool adopt(struct round *r, uint32_t number, int64_t adopt_for, const struct policy *p)
{
    if (adopt_for)
        r->links[number].adopt_until = r->now + adopt_for;
    return set_workload_link(r, number, p);
}

/* What a story says that happens now. */
static bool happen(struct round *r, const struct then *t, struct parsed *p)
{
    if (!t->moves && !t->adopt_for)
        return true;
    uint32_t workloads = r->link_count - r->uplink, other = random_below(&r->random, workloads);
    if (t->link >= workloads)
        return true;
    if (t->moves) {
        r->now += UNCONFIRMED; /* what is unconfirmed is kept by its links and under its key alone: here it is gone */
        set_now(r);
        uint32_t workload = r->links[t->link].workload;
        r->links[t->link].workload = r->links[other].workload;
        r->links[other].workload = workload;
        if (!adopt(r, other, t->adopt_for, p->policy))
            return false;
    }
    if (!adopt(r, t->link, t->adopt_for, p->policy))
        return false;
    return t->moves ? apply(r, p) : reference_set_links(r->reference, r->links, r->link_count);
}

/* One network: some policies in turn, `packets` packets. */
static bool play(struct round *r, uint32_t packets)
{
    struct random_network n = random_network_draw(&r->random);
    struct parsed policy = {0}, old = {0};
    bool ok = parse(r, &n, &policy) && set_links(r, &n, policy.policy) && apply(r, &policy);
    struct packet_source source = {.random = &r->random, .policy = policy.policy, .links = r->links, .link_count = r->link_count, .stories = r->stories};
    for (uint32_t i = 0; ok && i < packets; i++) {
        if (!r->stories)
            pass_time(r);
        const struct frame *f = packet_source_next(&source);
        if (r->stories)
            pass_pause(r, source.pause);
        ok = compare(r, &source, f, &policy) && happen(r, &source.then, &policy);
        if (ok && (source.then.another_policy || random_chance(&r->random, 1))) { /* also in the middle of a story */
            parsed_free(&old);
            old = policy;
            policy = (struct parsed){0};
            ok = parse(r, &n, &policy) && apply(r, &policy);
            source.policy = policy.policy;
        }
    }
    parsed_free(&policy);
    parsed_free(&old);
    return ok;
}

/* A network namespace of our own with an interface for each link, since BPF_PROG_TEST_RUN wants one. */
static bool make_links(void)
{
    struct failure f;
    if (unshare(CLONE_NEWNET)) {
        printf("1..0 # SKIP cannot make a network namespace: %s\n", strerror(errno));
        exit(77);
    }
    int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), socket;
    if (!netlink_open(self, &socket, &f)) {
        printf("# %s\n", f.text);
        return false;
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        char near[16], far[16];
        snprintf(near, sizeof near, "near%u", i);
        snprintf(far, sizeof far, "far%u", i);
        struct veth_end a = {.ns_fd = self, .name = near, .index = LINK_FIRST + i}, b = {.ns_fd = self, .name = far, .index = 1000 + i};
        if (!veth_create(socket, &a, &b, 1500, &f)) {
            printf("# %s\n", f.text);
            return false;
        }
    }
    return true;
}

/* Between networks: everything old runs out, and its entries are swept away. */
static bool start_over(struct round *r)
{
    struct failure f;
    struct sweep ignored;
    r->now = (r->now / NS / DAY + 3) * DAY * NS + random_below(&r->random, DAY) * (int64_t)NS;
    set_now(r);
    reference_destroy(r->reference);
    r->reference = reference_create(&(struct reference_options){.sessions_max = SESSIONS_MAX});
    for (uint32_t set = 0; set < SESSION_SETS; set++) { /* and no mark of what did not fit */
        uint64_t none = 0;
        if (bpf_map_update_elem(r->datapath->session_tags, &set, &none, BPF_ANY))
            return false;
    }
    if (datapath_sweep(r->datapath, &ignored, &f))
        return r->reference;
    printf("# %s\n", f.text);
    return false;
}

static void print_reasons(const struct round *r)
{
    for (int i = 0; i < REASONS; i++)
        if (r->reasons[i])
            printf("# %-22s %8" PRIu64 "\n", reason_name((enum bulkhead_reason)i), r->reasons[i]);
}

static uint64_t number_option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 0);
    return otherwise;
}

int main(int argc, char **argv)
{
    uint64_t policies = number_option(argc, argv, "--policies", 200), packets = number_option(argc, argv, "--packets", 1000);
    uint64_t seed = number_option(argc, argv, "--seed", (uint64_t)time(NULL));
    struct failure f;
    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root\n");
        return 77;
    }
    if (!datapath_probe(&f)) {
        printf("1..0 # SKIP %s\n", f.text);
        return 77;
    }
    struct datapath datapath;
    struct datapath_options o = {.links = 64, .sessions = SESSIONS, .timeouts = TIMEOUTS_DEFAULT, .uplink = UPLINK, .nat = true, .outer_ports = OUTER_PORTS,
        .test_clock = true};
    if (!make_links() || !datapath_load(&o, &datapath, &f)) {
        printf("not ok 1 - load: %s\n1..1\n", f.text);
        return 1;
    }
    struct round r = {.datapath = &datapath, .now = (int64_t)1790000000 * NS, .stories = (uint32_t)number_option(argc, argv, "--stories", 0)};
    uint64_t done = 0;
    bool ok = true;
    for (; ok && done < policies; done++) {
        r.seed = seed + done;
        r.random = (struct random){r.seed};
        ok = start_over(&r) && play(&r, (uint32_t)packets);
    }
    printf("# seed %" PRIu64 ": %" PRIu64 " networks, %" PRIu64 " packets, %" PRIu64 " passed, %" PRIu64 " of them through the uplink\n", seed, done, r.packets, r.passed, r.through);
    print_reasons(&r);
    printf("%s 1 - every packet has the verdict, reason, rule, destination and frame that the reference gives it\n1..1\n", ok ? "ok" : "not ok");
    reference_destroy(r.reference);
    datapath_close(&datapath);
    return ok ? 0 : 1;
}
