/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs: the shipped program, net of an empty one that is reached in the same way, by number of rules
 * and by number of live sessions. docs/performance.md says how it is measured and why so.
 *
 *   bench-datapath [--rounds N] [--max RULES] [--families abcde] [--sessions MAX]
 *   bench-datapath --only KIND [--max RULES] [--families F] [--rounds N]    one kind again and again, for a profiler
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"
#include "bench/feed.skel.h"
#include "report.h"

#define FLOWS 1024
#define PASSES_ESTABLISHED 48
#define PASSES_NEW 10 /* their events must fit into the ring */
#define NEW_PORTS 64  /* source ports that each flow of the new goes through */
#define ROUNDS_MAX 64
#define SESSION_ROOM 131072 /* as a network has */

enum target { TARGET_EMPTY, TARGET_BARE_V4, TARGET_BARE_V6, TARGET_BED };

enum kind { ESTABLISHED_V4, ESTABLISHED_V6, NEW_V4, NEW_V6, BARE_V4, BARE_V6, EMPTY, KINDS };
static const char *const kind_names[] = {"established-v4", "established-v6", "new-v4", "new-v6"};

static const uint32_t sizes[] = {10, 1000, 10000, 100000, 1000000};
#define SIZES (sizeof sizes / sizeof sizes[0])

struct frames {
    struct feed_frame established[FLOWS], fresh[FLOWS];
};

/* A bed with its frames: by IP version. */
struct subject {
    struct bed *bed;
    struct frames *frames[2];
    uint32_t pass;
};

static struct feed_bpf *feeding;
static struct feed_frame *frames_at;

static void *allocate(size_t size)
{
    void *at = calloc(1, size);
    if (!at)
        die("out of memory");
    return at;
}

/* Different for each of the sequences of the new; established flows have source ports of their own. */
static uint16_t new_port(uint32_t flow)
{
    return (uint16_t)(1 + flow * NEW_PORTS % 65472);
}

static struct frames *draw_frames(struct bed *b, int ip, uint64_t *random)
{
    struct frames *out = allocate(sizeof *out);
    for (uint32_t i = 0; i < FLOWS; i++) {
        struct rules_flow f = rules_draw(&b->rules, b->policy, ip, false, random);
        uint16_t port = (uint16_t)(new_port(i) + NEW_PORTS - 1); /* never reached by the new: vary is one less */
        bed_establish(b, &f, port);
        out->established[i] = bed_frame(&f, port, TCP_ACK, false);
        /* a feed's new sessions come from the world, whose prefixes are looked up then */
        if (b->rules.family == 'c')
            f = rules_draw(&b->rules, b->policy, ip, true, random);
        out->fresh[i] = bed_frame(&f, new_port(i), TCP_SYN, false);
    }
    return out;
}

static void bare_fill(const struct feed_frame *frame)
{
    struct bare_value value = {{1}};
    if (frame->bytes[12] == 8) {
        struct bare_key_v4 k = {.protocol = 6};
        memcpy(k.address, frame->bytes + 26, 8);
        memcpy(k.port, frame->bytes + 34, 4);
        if (bpf_map_update_elem(bpf_map__fd(feeding->maps.bare_table_v4), &k, &value, BPF_ANY))
            die("the bare table is full");
    } else {
        struct bare_key_v6 k = {.protocol = 6};
        memcpy(k.address, frame->bytes + 22, 32);
        memcpy(k.port, frame->bytes + 54, 4);
        if (bpf_map_update_elem(bpf_map__fd(feeding->maps.bare_table_v6), &k, &value, BPF_ANY))
            die("the bare table is full");
    }
}

static void shuffle(struct feed_frame *f, uint32_t count, uint64_t *random)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)(rules_random(random) % i);
        struct feed_frame keep = f[i - 1];
        f[i - 1] = f[other];
        f[other] = keep;
    }
}

/* What is in the ring of events is read and thrown away, so that the next ones find room as with an agent. */
static int ignore(void *context, void *data, size_t size)
{
    return 0;
}

static void drain(struct bed *b)
{
    struct ring_buffer *ring = ring_buffer__new(b->datapath.events, ignore, NULL, NULL);
    if (!ring)
        die("cannot read the ring of events");
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
}

static void state_set(uint32_t count, int ip, uint32_t vary)
{
    feeding->bss->state.at = 0;
    feeding->bss->state.count = count;
    feeding->bss->state.vary = vary;
    feeding->bss->state.port_at = ip == 4 ? 34 : 54;
}

static double run_established(const struct frames *f, int ip, uint32_t target, uint32_t link)
{
    memcpy(frames_at, f->established, sizeof f->established);
    state_set(FLOWS, ip, 0);
    feed_run(feeding, target, link, FLOWS * 4);
    return feed_run(feeding, target, link, FLOWS * PASSES_ESTABLISHED);
}

static double run_new(struct subject *s, const struct frames *f, int ip, uint32_t target, uint32_t link)
{
    memcpy(frames_at, f->fresh, sizeof f->fresh);
    state_set(FLOWS, ip, NEW_PORTS - 1);
    feeding->bss->state.pass = s->pass;
    drain(s->bed);
    double ns = feed_run(feeding, target, link, FLOWS * PASSES_NEW);
    s->pass = feeding->bss->state.pass;
    return ns;
}

/* One round of one bed: every kind, and the peers between them. */
static void run_round(struct subject *s, double out[KINDS], uint64_t *random)
{
    uint32_t link = BED_WORKLOAD, new_link = s->bed->rules.family == 'c' ? BED_UPLINK : BED_WORKLOAD;
    double empty = 0;
    feed_target(feeding, TARGET_BED, s->bed->datapath.program);
    for (int v = 0; v < 2; v++) {
        int ip = v ? 6 : 4;
        shuffle(s->frames[v]->established, FLOWS, random);
        shuffle(s->frames[v]->fresh, FLOWS, random);
        double before = run_established(s->frames[v], ip, TARGET_EMPTY, link);
        double bare = run_established(s->frames[v], ip, v ? TARGET_BARE_V6 : TARGET_BARE_V4, link);
        double established = run_established(s->frames[v], ip, TARGET_BED, link);
        double fresh = run_new(s, s->frames[v], ip, TARGET_BED, new_link);
        double after = run_established(s->frames[v], ip, TARGET_EMPTY, link);
        double net = before < after ? before : after;
        empty += net / 2;
        out[v ? ESTABLISHED_V6 : ESTABLISHED_V4] = established - net;
        out[v ? NEW_V6 : NEW_V4] = fresh - net;
        out[v ? BARE_V6 : BARE_V4] = bare - net;
    }
    out[EMPTY] = empty;
}

static void measure_family(struct report *report, char family, size_t size_count, size_t rounds, double worst[SIZES][KINDS])
{
    static double values[SIZES][KINDS][ROUNDS_MAX];
    struct subject subjects[SIZES] = {{0}};
    uint64_t random = 0xf10f + (uint64_t)family;
    for (size_t s = 0; s < size_count; s++) {
        subjects[s].bed = bed_new(family, sizes[s], SESSION_ROOM);
        for (int v = 0; v < 2; v++) {
            subjects[s].frames[v] = draw_frames(subjects[s].bed, v ? 6 : 4, &random);
            for (uint32_t i = 0; i < FLOWS; i++)
                bare_fill(&subjects[s].frames[v]->established[i]);
        }
    }
    for (size_t round = 0; round < rounds + 1; round++) /* the first warms up */
        for (size_t s = 0; s < size_count; s++) {
            double one[KINDS];
            run_round(&subjects[s], one, &random);
            for (int k = 0; round && k < KINDS; k++)
                values[s][k][round - 1] = one[k];
        }
    for (size_t s = 0; s < size_count; s++) {
        double m[KINDS];
        for (int k = 0; k < KINDS; k++) {
            m[k] = median(values[s][k], rounds);
            if (m[k] > worst[s][k])
                worst[s][k] = m[k];
        }
        printf("%c %9u  %8.1f  %8.1f  %8.1f  %8.1f  %8.1f  %8.1f  %8.1f\n", family, sizes[s], m[ESTABLISHED_V4], m[ESTABLISHED_V6], m[NEW_V4],
            m[NEW_V6], m[BARE_V4], m[BARE_V6], m[EMPTY]);
        for (int k = 0; k <= NEW_V6; k++) {
            char name[40];
            snprintf(name, sizeof name, "%s-%c", kind_names[k], family);
            report_add(report, name, sizes[s], "bulkhead", m[k], "ns");
            report_add(report, name, sizes[s], "bare-lookup", m[k % 2 ? BARE_V6 : BARE_V4], "ns");
            report_add(report, name, sizes[s], "empty", m[EMPTY], "ns");
        }
        bed_free(subjects[s].bed);
        free(subjects[s].frames[0]);
        free(subjects[s].frames[1]);
    }
    fflush(stdout);
}

/* For a profiler: nothing but packets of one kind, after the policy has been put in force. */
static void repeat_only(const char *name, char family, uint32_t rules, size_t rounds)
{
    int kind = 0;
    while (kind <= NEW_V6 && strcmp(kind_names[kind], name) != 0)
        kind++;
    if (kind > NEW_V6)
        die("no such kind: %s", name);
    uint64_t random = 1;
    int ip = kind % 2 ? 6 : 4;
    feeding = feed_load(FLOWS, SESSION_ROOM);
    frames_at = feed_frames(feeding, FLOWS);
    struct subject s = {.bed = bed_new(family, rules, SESSION_ROOM)};
    struct frames *f = draw_frames(s.bed, ip, &random);
    shuffle(f->established, FLOWS, &random);
    shuffle(f->fresh, FLOWS, &random);
    feed_target(feeding, TARGET_EMPTY, bpf_program__fd(feeding->progs.empty));
    feed_target(feeding, TARGET_BED, s.bed->datapath.program);
    uint32_t link = kind >= NEW_V4 && family == 'c' ? BED_UPLINK : BED_WORKLOAD;
    static double net[1024];
    for (size_t i = 0; i < rounds && i < 1024; i++) {
        double empty = run_established(f, ip, TARGET_EMPTY, link);
        net[i] = (kind < NEW_V4 ? run_established(f, ip, TARGET_BED, link) : run_new(&s, f, ip, TARGET_BED, link)) - empty;
    }
    size_t count = rounds < 1024 ? rounds : 1024;
    double middle = median(net, count); /* and they are sorted then */
    printf("%s, %u rules of family %c: median %.1f ns, fastest tenth %.1f ns\n", name, rules, family, middle, net[count / 10]);
}

static void measure_rules(struct report *report, const char *families, size_t size_count, size_t rounds)
{
    double worst[SIZES][KINDS] = {{0}};
    feeding = feed_load(FLOWS, SESSION_ROOM);
    frames_at = feed_frames(feeding, FLOWS);
    feed_target(feeding, TARGET_EMPTY, bpf_program__fd(feeding->progs.empty));
    feed_target(feeding, TARGET_BARE_V4, bpf_program__fd(feeding->progs.bare_v4));
    feed_target(feeding, TARGET_BARE_V6, bpf_program__fd(feeding->progs.bare_v6));
    printf("ns a packet, net of the empty program (whose own time, with the feeding, is the last column)\n");
    printf("%-11s  %8s  %8s  %8s  %8s  %8s  %8s  %8s\n", "rules", "est-v4", "est-v6", "new-v4", "new-v6", "bare-v4", "bare-v6", "empty");
    for (const char *f = families; *f; f++)
        measure_family(report, *f, size_count, rounds, worst);
    for (size_t s = 0; s < size_count; s++)
        for (int k = 0; k <= NEW_V6; k++) {
            report_add(report, kind_names[k], sizes[s], "bulkhead", worst[s][k], "ns");
            report_add(report, kind_names[k], sizes[s], "bare-lookup", worst[s][k % 2 ? BARE_V6 : BARE_V4], "ns");
            report_add(report, kind_names[k], sizes[s], "empty", worst[s][EMPTY], "ns");
        }
    feed_bpf__destroy(feeding);
}

/* Session number i of workload 0: targets, then source ports. */
static void session_at(const struct bed *b, int ip, uint32_t i, struct rules_flow *ret, uint16_t *ret_port)
{
    uint64_t random = 1;
    *ret = rules_draw(&b->rules, b->policy, ip, false, &random);
    ret->to_workload = 1 + i % 16;
    const struct workload *w = &b->policy->workloads[ret->to_workload];
    for (uint32_t a = 0; a < w->address_count; a++)
        if (w->addresses[a].family == ip)
            ret->to = w->addresses[a];
    ret->port = 1000; /* family 'a' allows it between any two */
    *ret_port = (uint16_t)(1 + i / 16);
}

/* All sessions of one number, of one IP version; both tables have the room of a network, or what so many need. */
static void measure_live(struct report *report, uint32_t live, int ip, size_t rounds)
{
    static double values[3][ROUNDS_MAX];
    uint32_t room = live + live / 8 > SESSION_ROOM ? live + live / 8 : SESSION_ROOM;
    uint64_t random = 99;
    feeding = feed_load(live, room);
    frames_at = feed_frames(feeding, live);
    struct bed *b = bed_new('a', 1000, room);
    feed_target(feeding, TARGET_EMPTY, bpf_program__fd(feeding->progs.empty));
    feed_target(feeding, TARGET_BARE_V4, bpf_program__fd(feeding->progs.bare_v4));
    feed_target(feeding, TARGET_BARE_V6, bpf_program__fd(feeding->progs.bare_v6));
    feed_target(feeding, TARGET_BED, b->datapath.program);
    for (uint32_t i = 0; i < live; i++) {
        struct rules_flow f;
        uint16_t port;
        session_at(b, ip, i, &f, &port);
        bed_establish(b, &f, port);
        frames_at[i] = bed_frame(&f, port, TCP_ACK, false);
        bare_fill(&frames_at[i]);
    }
    shuffle(frames_at, live, &random);
    state_set(live, ip, 0);
    uint32_t packets = live < 262144 ? 262144 / live * live : live;
    for (size_t round = 0; round < rounds + 1; round++) {
        double empty = feed_run(feeding, TARGET_EMPTY, BED_WORKLOAD, packets);
        double bare = feed_run(feeding, ip == 4 ? TARGET_BARE_V4 : TARGET_BARE_V6, BED_WORKLOAD, packets);
        double ours = feed_run(feeding, TARGET_BED, BED_WORKLOAD, packets);
        if (round) {
            values[0][round - 1] = ours - empty;
            values[1][round - 1] = bare - empty;
            values[2][round - 1] = empty;
        }
    }
    double m[3];
    for (int i = 0; i < 3; i++)
        m[i] = median(values[i], rounds);
    const char *name = ip == 4 ? "sessions-v4" : "sessions-v6";
    printf("%d %9u  %8.1f  %8.1f  %8.2f  %8.1f\n", ip, live, m[0], m[1], m[0] / m[1], m[2]);
    fflush(stdout);
    report_add(report, name, live, "bulkhead", m[0], "ns");
    report_add(report, name, live, "bare-lookup", m[1], "ns");
    report_add(report, name, live, "empty", m[2], "ns");
    bed_free(b);
    feed_bpf__destroy(feeding);
}

static void measure_sessions(struct report *report, uint32_t max, size_t rounds)
{
    printf("\n%-11s  %8s  %8s  %8s  %8s   packets of all live sessions in random order, net of the empty program\n", "sessions", "bulkhead", "bare", "ratio",
        "empty");
    for (int ip = 4; ip <= 6; ip += 2)
        for (uint32_t live = 1000; live <= max; live *= 10)
            measure_live(report, live, ip, rounds);
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

int main(int argc, char **argv)
{
    size_t rounds = strtoul(option(argc, argv, "--rounds", "9"), NULL, 0), size_count = 0;
    unsigned long max = strtoul(option(argc, argv, "--max", "1000000"), NULL, 0);
    uint32_t sessions = (uint32_t)strtoul(option(argc, argv, "--sessions", "1000000"), NULL, 0);
    if (rounds == 0 || (rounds > ROUNDS_MAX && !option(argc, argv, "--only", NULL)) || sessions > 1000000)
        die("between 1 and %d rounds, at most 1000000 sessions", ROUNDS_MAX);
    while (size_count < SIZES && sizes[size_count] <= max)
        size_count++;
    bed_prepare(BED_INTERFACES);
    const char *families = option(argc, argv, "--families", RULES_FAMILIES), *only = option(argc, argv, "--only", NULL);
    if (only) {
        repeat_only(only, families[0], (uint32_t)max, rounds);
        return 0;
    }
    struct report *report = report_new("datapath");
    measure_rules(report, families, size_count, rounds);
    measure_sessions(report, sessions, rounds);
    return report_finish(report);
}
