/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top_reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "cli/recorded.h"
#include "enforce/clock.h"
#include "enforce/sessions.h"
#include "record/record.h"

#define MEMORY ((size_t)256 << 20)

_Static_assert(SESSION_STATES <= PAIR_KINDS, "each state is counted");

/* ---- counters ---- */

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
static void count_observed(const struct running *r, const struct state_link *l, uint32_t reason, struct top_row *row)
{
    struct counter source = read_counter(r, l, COUNTER_OBSERVED + COUNTER_SOURCE, reason), target = read_counter(r, l, COUNTER_OBSERVED + COUNTER_TARGET, reason);
    add(&row->sent, &source);
    add(&row->received, &target);
    add(&row->observed, &source);
    add(&row->observed, &target);
}

static struct top_row count(const struct running *r, const struct state_link *l)
{
    struct top_row row = {0};
    memcpy(row.name, l->workload, sizeof row.name);
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

static int compare_rows(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;
    uint64_t busy_x = x->sent.packets + x->refused_packets, busy_y = y->sent.packets + y->refused_packets;
    return busy_x > busy_y ? -1 : busy_x < busy_y;
}

static bool read_rows(const struct running *r, struct top_reading *t)
{
    t->rows = arena_array(t->arena, r->state.count + 1, sizeof *t->rows);
    if (!t->rows)
        return false;
    for (size_t i = 0; i < r->state.count; i++)
        t->rows[t->count++] = count(r, &r->state.links[i]);
    qsort(t->rows, t->count, sizeof *t->rows, compare_rows);
    return true;
}

const struct top_row *top_row_of(const struct top_reading *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    return NULL;
}

/* ---- sessions ---- */

struct taking {
    struct pairs *pairs;
    uint16_t generation; /* in force, as sessions are stamped with it */
};

static void take_session(const struct live_session *s, void *argument)
{
    const struct taking *t = argument;
    struct sighting seen = {.flow = {.from = s->from, .to = s->to, .protocol = s->protocol, .port = s->to_port}, .reason = s->reason, .rule = s->rule,
        .kind = s->state, .idle = s->idle};
    seen.earlier = s->generation != t->generation;
    if (seen.earlier)
        seen.reason = REASON_RULE;
    pairs_add(t->pairs, &seen);
}

static bool read_sessions(const struct running *r, struct top_reading *t)
{
    struct taking taking = {.pairs = &t->talks, .generation = (uint16_t)r->generation};
    struct failure f;
    if (sessions_each(&r->datapath, take_session, &taking, &f))
        return true;
    complain("%s", f.text);
    return false;
}

/* ---- records ---- */

struct reading_records {
    const struct policy *policy;
    struct pairs *pairs;
    struct table rules; /* name -> index; filled at the first record of a rule */
    bool named;
    int64_t now; /* s UTC */
    char since[40]; /* as times stand in records, which sort as text */
};

static uint32_t rule_of(struct reading_records *r, const char *line)
{
    char name[256] = "";
    const char *at = strstr(line, "\"rule\": {");
    if (at)
        record_field(at, "name", name, sizeof name);
    if (!name[0])
        return NONE;
    for (uint32_t i = 0; !r->named && i < r->policy->rule_count; i++)
        if (!table_put(&r->rules, bytes_of_text(r->policy->rules[i].name), i, NULL))
            break;
    r->named = true;
    const uint64_t *index = table_get(&r->rules, bytes_of_text(name));
    return index ? (uint32_t)*index : NONE;
}

static bool reason_parse(const char *name, uint8_t *ret)
{
    for (*ret = 0; *ret < REASONS; ++*ret)
        if (strcmp(name, reason_name((enum bulkhead_reason)*ret)) == 0)
            return true;
    return false;
}

static bool take_record(const char *line, void *argument)
{
    struct reading_records *r = argument;
    char time[40], activity[16], enforced[8];
    struct recorded recorded;
    uint8_t reason;
    record_field(line, "time", time, sizeof time);
    record_field(line, "activity_name", activity, sizeof activity);
    record_field(line, "enforced", enforced, sizeof enforced);
    if (strcmp(time, r->since) < 0 || strcmp(activity, "Refuse") != 0 || strcmp(enforced, "true") != 0)
        return true;
    if (!recorded_parse(line, &recorded) || !reason_parse(recorded.reason, &reason))
        return true;
    int64_t ago = r->now > recorded.time ? r->now - recorded.time : 0;
    struct sighting seen = {.flow = recorded.flow, .reason = reason, .rule = rule_of(r, line), .idle = (uint64_t)ago * 1000000000u};
    pairs_add(r->pairs, &seen);
    return true;
}

static void read_refusals(const struct running *r, uint64_t seed, struct top_reading *t)
{
    struct reading_records records = {.policy = r->policy, .pairs = &t->refused, .rules = table_new(t->arena, seed), .now = moment_now()};
    struct text since = text_new(sizeof records.since);
    record_time((records.now - TOP_REFUSED_SECONDS) * 1000000000, &since);
    snprintf(records.since, sizeof records.since, "%s", text_cstr(&since));
    text_free(&since);
    (void)!recorded_each_of(r->state.name, take_record, &records);
}

bool top_read(const struct running *r, bool addresses, struct top_reading *ret)
{
    uint64_t seed;
    *ret = (struct top_reading){.at = clock_ns(CLOCK_MONOTONIC), .arena = arena_create(MEMORY), .lost_events = r->datapath.shared->lost_events,
        .agent = agent_pid(r->state.name)};
    if (!ret->arena || !chance(&seed) || !read_rows(r, ret)) {
        complain("out of memory");
        return false;
    }
    ret->talks = pairs_new(r->policy, ret->arena, seed, TOP_PAIRS_MAX, addresses);
    ret->refused = pairs_new(r->policy, ret->arena, seed, TOP_PAIRS_MAX, addresses);
    if (!read_sessions(r, ret))
        return false;
    read_refusals(r, seed, ret);
    pairs_sort(&ret->talks);
    pairs_sort(&ret->refused);
    return true;
}

void top_reading_free(struct top_reading *t)
{
    arena_destroy(t->arena);
    *t = (struct top_reading){0};
}
