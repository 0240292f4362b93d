/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hub moves between two workloads in different segments, beside the kernel's own forwarding over the same
 * links and nftables with the same rules.
 *
 *   bench-forwarding [--rounds N] [--ms N] [--cases LIST] [--who LIST] [--sizes LIST]
 *
 * LIST: names with commas between them. Besides what runs by itself there are the cases udp64-one-way (no answer ever
 * comes) and udp64-drained (the receiver takes what arrives), and in --who plain+rps-hub, plain+rps-end, redirect and
 * so on: see contenders[].
 *
 * The receiver of udp64 is a bound socket that nobody reads: the kernel carries every datagram to its full queue and
 * drops it there, so that what is measured is the way, not how two processors wake each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bed.h"
#include "forwarding_load.h"
#include "report.h"

#define ROUNDS_MAX 64
#define NETS_MAX 32

static const struct contender {
    const char *who;
    enum net_hub kind;
    enum net_steering steering;
    bool sized, usual;
} contenders[] = {
    {"plain", HUB_PLAIN, STEER_NOT, false, true},
    {"bulkhead", HUB_BULKHEAD, STEER_NOT, true, true},
    {"nft-linear", HUB_LINEAR, STEER_NOT, true, true},
    {"nft-sets", HUB_SETS, STEER_NOT, true, true},
    {"plain+rps-hub", HUB_PLAIN, STEER_HUB, false, false},
    {"plain+rps-end", HUB_PLAIN, STEER_WORKLOAD, false, false},
    {"bulkhead+rps-hub", HUB_BULKHEAD, STEER_HUB, true, false},
    {"redirect", HUB_REDIRECT, STEER_NOT, true, false},
    {"redirect+rps-hub", HUB_REDIRECT, STEER_HUB, true, false},
    {"redirect+rps-end", HUB_REDIRECT, STEER_WORKLOAD, true, false},
};
#define CONTENDERS (sizeof contenders / sizeof contenders[0])

static const struct subject {
    const char *name, *unit, *cpu_name, *cpu_unit;
    double scale, cpu_scale;
    void (*run)(const struct net *n, const struct load_options *o, struct load *ret);
    bool one_way, drained, usual;
} subjects[] = {
    {"udp64", "pps", "udp64-cpu", "ns", 1, 1, load_udp, false, false, true},
    {"tcp-bulk", "Gbit/s", "tcp-bulk-cpu", "s/GB", 8e-9, 1, load_bulk, false, false, true}, /* ns an octet is s a GB */
    {"connections", "1/s", "connections-cpu", "us", 1, 1e-3, load_connections, false, false, true},
    {"udp64-one-way", "pps", "udp64-one-way-cpu", "ns", 1, 1, load_udp, true, false, false},
    {"udp64-drained", "pps", "udp64-drained-cpu", "ns", 1, 1, load_udp, false, true, false},
};
#define SUBJECTS (sizeof subjects / sizeof subjects[0])

struct entrant {
    const struct contender *contender;
    struct net net;
    double rate[SUBJECTS][ROUNDS_MAX], cpu[SUBJECTS][ROUNDS_MAX];
};

static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    return false;
}

static size_t read_sizes(const char *list, uint32_t *sizes, size_t limit)
{
    size_t count = 0;
    for (const char *at = list; at && count < limit; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        sizes[count++] = (uint32_t)strtoul(at, NULL, 10);
    return count;
}

static size_t enter(struct entrant *e, const char *who, const uint32_t *sizes, size_t size_count)
{
    size_t count = 0;
    bool nft = net_has_nft();
    for (size_t s = 0; s < size_count; s++)
        for (size_t i = 0; i < CONTENDERS; i++) {
            const struct contender *c = &contenders[i];
            if ((who ? !listed(who, c->who) : !c->usual) || (!c->sized && s) || count == NETS_MAX)
                continue;
            if (!nft && (c->kind == HUB_LINEAR || c->kind == HUB_SETS)) {
                printf("%s is skipped: there is no nft (package nftables)\n", c->who);
                continue;
            }
            e[count].contender = c;
            e[count].net = (struct net){.kind = c->kind, .steering = c->steering, .size = sizes[s]};
            net_create(&e[count++].net);
        }
    return count;
}

static const struct entrant *find_plain(const struct entrant *e, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(e[i].contender->who, "plain") == 0)
            return &e[i];
    return NULL;
}

/* Ratios are medians of each round's own: rounds are short, and what disturbs one disturbs all of it. */
static double ratio(const double *values, const double *peer, size_t rounds)
{
    double ratios[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = values[i] / peer[i];
    return median(ratios, rounds);
}

static double median_of(const double *values, size_t rounds)
{
    double copy[ROUNDS_MAX];
    memcpy(copy, values, rounds * sizeof *copy);
    return median(copy, rounds);
}

static void tell(struct report *r, size_t subject, const struct entrant *e, size_t count, const uint32_t *sizes, size_t size_count, size_t rounds)
{
    const struct subject *s = &subjects[subject];
    const struct entrant *plain = find_plain(e, count);
    for (size_t i = 0; i < count; i++) {
        double rate = median_of(e[i].rate[subject], rounds) * s->scale, cpu = median_of(e[i].cpu[subject], rounds) * s->cpu_scale;
        printf("%-14s  %6u  %-16s  %12.5g %-6s", s->name, e[i].contender->sized ? e[i].net.size : 0, e[i].contender->who, rate, s->unit);
        if (plain)
            printf("  %6.1f %%", 100 * ratio(e[i].rate[subject], plain->rate[subject], rounds));
        printf("  %10.4g %-5s", cpu, s->cpu_unit);
        if (plain)
            printf("  %6.1f %%", 100 * ratio(e[i].cpu[subject], plain->cpu[subject], rounds));
        printf("\n");
        /* what does not depend on the number of rules is measured once and stands beside every number */
        for (size_t k = 0; k < (e[i].contender->sized ? 1 : size_count); k++) {
            uint32_t size = e[i].contender->sized ? e[i].net.size : sizes[k];
            report_add(r, s->name, size, e[i].contender->who, rate, s->unit);
            report_add(r, s->cpu_name, size, e[i].contender->who, cpu, s->cpu_unit);
        }
    }
}

static bool chosen(const struct subject *s, const char *cases)
{
    return cases ? listed(cases, s->name) : s->usual;
}

static void measure(struct entrant *e, size_t count, const char *cases, uint64_t ms, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++)
        for (size_t s = 0; s < SUBJECTS; s++)
            for (size_t i = 0; i < count && chosen(&subjects[s], cases); i++) {
                struct load_options o = {.warm_ns = ms * 200000, .run_ns = ms * 1000000, .one_way = subjects[s].one_way, .drained = subjects[s].drained};
                struct load l;
                struct entrant *now = &e[(i + round) % count]; /* another goes first each time */
                subjects[s].run(&now->net, &o, &l);
                if (l.per_second == 0)
                    fprintf(stderr, "round %zu: nothing came through of %s, %s, %u rules, in %.3f ms of processor time\n", round, subjects[s].name,
                        now->contender->who, now->net.size, l.cpu / 1e6);
                now->rate[s][round] = l.per_second;
                now->cpu[s][round] = l.cpu;
            }
}

int main(int argc, char **argv)
{
    size_t rounds = 9;
    uint64_t ms = 200;
    const char *cases = NULL, *who = NULL, *list = "10,1000,10000";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--ms") == 0)
            ms = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--cases") == 0)
            cases = argv[i + 1];
        else if (strcmp(argv[i], "--who") == 0)
            who = argv[i + 1];
        else if (strcmp(argv[i], "--sizes") == 0)
            list = argv[i + 1];
    }
    if (rounds == 0 || rounds > ROUNDS_MAX)
        die("between 1 and %d rounds", ROUNDS_MAX);
    static struct entrant entrants[NETS_MAX];
    uint32_t sizes[8];
    size_t size_count = read_sizes(list, sizes, 8);
    net_prepare();
    size_t count = enter(entrants, who, sizes, size_count);
    load_prepare();
    measure(entrants, count, cases, ms, rounds);
    printf("%zu rounds of %llu ms each; medians; %% of plain, median of each round's own ratio\n", rounds, (unsigned long long)ms);
    struct report *r = report_new("forwarding");
    for (size_t s = 0; s < SUBJECTS; s++)
        if (chosen(&subjects[s], cases))
            tell(r, s, entrants, count, sizes, size_count, rounds);
    return report_finish(r);
}
