/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a change of policy takes at 100,000 rules: compile, install, and from the store that puts it in force to
 * the last packet that was decided the old way, while another processor decides packets without a pause.
 *
 *   bench-switch [--rounds N] [--rules N] [--family F]
 *
 * The packet is one that the old policy allows and the new one, which has no rules but one, does not. A packet's
 * verdict is what the program returns; it is decided somewhere between the two readings of the clock around the call.
 * The later one is taken, so that what is reported is never less than the truth, and includes one decision.
 */
#include <bpf/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bed.h"
#include "policy/parse.h"
#include "report.h"

#define ROUNDS_MAX 64

struct sender {
    const struct bed *bed;
    struct feed_frame frame;
    uint32_t link;
    atomic_bool stop;
    atomic_uint_fast64_t packets;
    uint64_t last_old; /* wall_ns() after the last packet that passed */
};

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *send_packets(void *arg)
{
    struct sender *s = arg;
    pin(1);
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        if (bed_packet(s->bed, s->link, &s->frame) == BED_REDIRECT)
            s->last_old = wall_ns();
        atomic_fetch_add_explicit(&s->packets, 1, memory_order_relaxed);
    }
    return NULL;
}

static void wait_packets(struct sender *s, uint64_t more)
{
    uint64_t until = atomic_load(&s->packets) + more;
    while (atomic_load(&s->packets) < until)
        sched_yield();
}

/* From the store to the last packet decided the old way, nanoseconds. */
static uint64_t switch_under_load(struct bed *b, struct sender *s, uint32_t generation)
{
    pthread_t thread;
    atomic_store(&s->stop, false);
    if (pthread_create(&thread, NULL, send_packets, s))
        die("cannot start the sender");
    wait_packets(s, 2000);
    uint64_t before = wall_ns();
    datapath_switch(&b->datapath, generation, 0);
    wait_packets(s, 2000);
    atomic_store(&s->stop, true);
    pthread_join(thread, NULL);
    if (bed_packet(b, s->link, &s->frame) == BED_REDIRECT)
        die("the new policy lets the packet pass");
    return s->last_old > before ? s->last_old - before : 0;
}

static uint32_t install(struct bed *b, const struct policy *p, double *ret_compile, double *ret_install)
{
    struct failure f;
    uint32_t links[RULES_WORKLOADS_MAX], generation;
    for (uint32_t i = 0; i < RULES_WORKLOADS_MAX; i++)
        links[i] = bed_link(i);
    struct arena *tables = arena_create((size_t)16 << 30);
    struct diags diags = diags_new(b->arena);
    struct compile_options o = {.compiled = 1790000000, .seed = 4711, .links = links};
    uint64_t start = wall_ns();
    struct compiled *c = compile_policy(p, &o, tables, &diags);
    uint64_t compiled = wall_ns();
    if (!c || !datapath_install(&b->datapath, c, &generation, &f))
        die("cannot install: %s", c ? f.text : diags.items[0].message);
    *ret_compile = (double)(compiled - start) / 1e6;
    *ret_install = (double)(wall_ns() - compiled) / 1e6;
    arena_destroy(tables);
    return generation;
}

/* The same network with a single rule, which allows none of the traffic. */
static struct policy *bare_policy(const struct bed *b, struct arena *arena)
{
    struct rules r = b->rules;
    struct text text = text_new(1 << 20);
    r.rules = 0;
    rules_print(&r, &text);
    /* an empty list is an error: the key goes, too */
    char *rules = strstr(text.at, "rules:\n");
    memcpy(rules, "refuse: drop\n", 14);
    struct diags diags = diags_new(arena);
    struct policy *p = policy_parse(bytes_of_text(text.at), 42, NULL, arena, &diags);
    if (!p)
        die("line %u: %s", diags.items[0].place.line, diags.items[0].message);
    text_free(&text);
    return p;
}

/* The peer: the same change by replacing the inner map, which waits until no program runs with the old one. */
static double replace_inner(struct bed *b)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
    int image = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", sizeof(uint32_t), LINE_BYTES, 8, &options);
    uint32_t slot = (datapath_generation(&b->datapath) + SLOTS / 2) % SLOTS;
    uint64_t start = wall_ns();
    if (image < 0 || bpf_map_update_elem(b->datapath.images, &slot, &image, BPF_ANY))
        die("cannot replace the inner map");
    uint64_t took = wall_ns() - start;
    close(image);
    return (double)took / 1e6;
}

static void tell(struct report *r, const char *name, uint32_t size, const char *who, double *values, size_t count)
{
    double m = median(values, count);
    printf("%-18s  %-12s  %10.4f  %10.4f\n", name, who, m, values[count - 1]);
    report_add(r, name, size, who, m, "ms");
}

int main(int argc, char **argv)
{
    size_t rounds = 15;
    uint32_t size = 100000;
    char family = 'e';
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--rules") == 0)
            size = (uint32_t)strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--family") == 0)
            family = argv[i + 1][0];
    }
    if (rounds == 0 || rounds > ROUNDS_MAX)
        die("between 1 and %d rounds", ROUNDS_MAX);
    static double compile[ROUNDS_MAX], write[ROUNDS_MAX], last[ROUNDS_MAX], last_session[ROUNDS_MAX], peer[ROUNDS_MAX], decision[ROUNDS_MAX];
    bed_prepare(BED_INTERFACES);
    pin(0);
    struct bed *b = bed_new(family, size, 65536);
    struct arena *arena = arena_create((size_t)64 << 20);
    struct policy *none = bare_policy(b, arena);
    uint64_t random = 5;
    for (size_t round = 0; round < rounds; round++) {
        double ignored;
        struct rules_flow flow = rules_draw(&b->rules, b->policy, 4, false, &random);
        uint16_t port = (uint16_t)(2000 + round);
        struct sender s = {.bed = b, .link = bed_link(flow.from_workload), .frame = bed_frame(&flow, port, TCP_SYN, false)};
        for (int established = 0; established < 2; established++) {
            datapath_switch(&b->datapath, install(b, b->policy, &compile[round], &write[round]), 0);
            uint32_t closing = install(b, none, &ignored, &ignored);
            if (established) {
                bed_establish(b, &flow, port);
                s.frame = bed_frame(&flow, port, TCP_ACK, false);
            }
            uint64_t start = wall_ns();
            for (int i = 0; i < 1000; i++)
                bed_packet(b, s.link, &s.frame);
            decision[round] = (double)(wall_ns() - start) / 1e9; /* ms for one */
            double ms = (double)switch_under_load(b, &s, closing) / 1e6;
            *(established ? &last_session[round] : &last[round]) = ms;
        }
        peer[round] = replace_inner(b);
    }
    struct report *r = report_new("switch");
    printf("%u rules of family %c; ms: median and longest of %zu rounds\n", size, family, rounds);
    tell(r, "build", size, "bulkhead", compile, rounds);
    tell(r, "install", size, "bulkhead", write, rounds);
    tell(r, "store-to-last-old", size, "bulkhead", last, rounds);
    tell(r, "store-to-last-old-session", size, "bulkhead", last_session, rounds);
    report_add(r, "store-to-last-old-longest", size, "bulkhead", last[rounds - 1], "ms");
    report_add(r, "store-to-last-old-session-longest", size, "bulkhead", last_session[rounds - 1], "ms");
    tell(r, "store-to-last-old", size, "replace-inner-map", peer, rounds);
    tell(r, "one-call", size, "bulkhead", decision, rounds);
    bed_free(b);
    return report_finish(r);
}
