/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead top: the datapath's own counters, by workload. Needs no daemon. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "decide/decide.h"

struct row {
    const char *name;
    struct counter sent, received;     /* what passed */
    struct counter observed;           /* of these: what would be refused, as source or target */
    struct counter refused[REASONS];   /* as source */
    struct counter kept_away;          /* as target */
    uint64_t refused_packets;
};

static void add(struct counter *to, const struct counter *k)
{
    to->packets += k->packets;
    to->bytes += k->bytes;
}

static struct counter read_counter(const struct running *r, const struct state_link *l, uint32_t side, uint32_t reason)
{
    struct counter k = {0};
    (void)!datapath_counter(&r->datapath, l->link, side, reason, &k);
    return k;
}

/* What passed although it would be refused, were it not only observed. */
static void count_observed(const struct running *r, const struct state_link *l, uint32_t reason, struct row *row)
{
    struct counter source = read_counter(r, l, COUNTER_OBSERVED + COUNTER_SOURCE, reason), target = read_counter(r, l, COUNTER_OBSERVED + COUNTER_TARGET, reason);
    add(&row->sent, &source);
    add(&row->received, &target);
    add(&row->observed, &source);
    add(&row->observed, &target);
}

static struct row count(const struct running *r, const struct state_link *l)
{
    struct row row = {.name = l->workload};
    for (uint32_t reason = 0; reason < REASONS; reason++) {
        struct counter source = read_counter(r, l, COUNTER_SOURCE, reason), target = read_counter(r, l, COUNTER_TARGET, reason);
        count_observed(r, l, reason, &row);
        if (reason == REASON_RULE) {
            add(&row.sent, &source);
            add(&row.received, &target);
            continue;
        }
        row.refused[reason] = source;
        row.refused_packets += source.packets;
        add(&row.kept_away, &target);
    }
    return row;
}

static void print_row(const struct row *row, struct text *out)
{
    text_printf(out, "%-18s %11llu %11llu %11llu %11llu %11llu\n", row->name, (unsigned long long)row->sent.packets, (unsigned long long)row->received.packets,
        (unsigned long long)row->observed.packets, (unsigned long long)row->refused_packets, (unsigned long long)row->kept_away.packets);
    for (int reason = 0; reason < REASONS; reason++)
        if (row->refused[reason].packets)
            text_printf(out, "  %-52s %11llu\n", reason_name((enum bulkhead_reason)reason), (unsigned long long)row->refused[reason].packets);
}

static void print_row_json(const struct row *row, bool first, struct text *out)
{
    text_printf(out, "%s{\"workload\": \"%s\", \"sent\": {\"packets\": %llu, \"bytes\": %llu}, \"received\": {\"packets\": %llu, \"bytes\": %llu}, \"observed\": %llu, \"kept_away\": %llu, \"refused\": {",
        first ? "" : ", ", row->name, (unsigned long long)row->sent.packets, (unsigned long long)row->sent.bytes, (unsigned long long)row->received.packets,
        (unsigned long long)row->received.bytes, (unsigned long long)row->observed.packets, (unsigned long long)row->kept_away.packets);
    bool any = false;
    for (int reason = 0; reason < REASONS; reason++)
        if (row->refused[reason].packets) {
            text_printf(out, "%s\"%s\": %llu", any ? ", " : "", reason_name((enum bulkhead_reason)reason), (unsigned long long)row->refused[reason].packets);
            any = true;
        }
    text_puts(out, "}}");
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t busy_x = x->sent.packets + x->refused_packets, busy_y = y->sent.packets + y->refused_packets;
    return busy_x > busy_y ? -1 : busy_x < busy_y;
}

static int show(const struct running *r, bool json)
{
    struct row *rows = calloc(r->state.count + 1, sizeof *rows);
    struct text out = text_new(ANSWER_MAX);
    if (!rows)
        return complain("out of memory");
    for (size_t i = 0; i < r->state.count; i++)
        rows[i] = count(r, &r->state.links[i]);
    qsort(rows, r->state.count, sizeof *rows, compare_rows);
    if (json)
        text_printf(&out, "{\"network\": \"%s\", \"lost_events\": %llu, \"workloads\": [", r->state.name, (unsigned long long)r->datapath.shared->lost_events);
    else
        text_printf(&out, "%-18s %11s %11s %11s %11s %11s\n", "packets", "sent", "received", "observed", "refused", "kept away");
    for (size_t i = 0; i < r->state.count; i++) {
        if (json)
            print_row_json(&rows[i], i == 0, &out);
        else
            print_row(&rows[i], &out);
    }
    if (json)
        text_puts(&out, "]}\n");
    free(rows);
    return output_text(&out, STATUS_YES);
}

int verb_top(int argc, char **argv)
{
    bool json = false;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {0}};
    struct operands operands;
    struct running r;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &operands, &status))
        return status;
    if (geteuid() != 0)
        return complain("only root can see the kernel's counters: run it with sudo");
    if (running_open(operands.count ? operands.items[0] : NULL, STATUS_NO, &r, &status))
        status = show(&r, json);
    running_close(&r);
    return status;
}
