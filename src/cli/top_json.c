/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top_show.h"
#include "decide/why.h"
#include "enforce/sessions.h"

static void put_text(const char *key, struct text *value, struct text *out)
{
    text_printf(out, "\"%s\": ", key);
    text_json(out, text_cstr(value));
    text_puts(out, ", ");
    value->len = 0;
}

static void put_pair(const struct policy *p, const struct pair *pair, struct text *out)
{
    struct text part = text_new(4096);
    party_print(p, &pair->from, &part);
    put_text("from", &part, out);
    party_print(p, &pair->to, &part);
    put_text("to", &part, out);
    service_print(&pair->service, &part);
    put_text("port", &part, out);
    text_free(&part);
    text_puts(out, "\"rule\": ");
    if (pair->rule == NONE)
        text_puts(out, "null");
    else
        text_json(out, p->rules[pair->rule].name);
    text_printf(out, ", \"last_seconds\": %.3f, ", (double)pair->idle / 1e9);
}

static void put_sessions(const struct policy *p, const struct pairs *pairs, struct text *out)
{
    text_printf(out, "\"sessions\": {\"open\": %llu, \"beginning\": %llu, \"ending\": %llu, \"in_other_pairs\": %llu, \"pairs\": [",
        (unsigned long long)pairs->counts[SESSION_STATE_OPEN], (unsigned long long)pairs->counts[SESSION_STATE_BEGINNING],
        (unsigned long long)pairs->counts[SESSION_STATE_ENDING], (unsigned long long)pairs->beyond);
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pair *pair = pairs->items[i];
        text_puts(out, i ? ", {" : "{");
        put_pair(p, pair, out);
        if (pair->earlier)
            text_puts(out, "\"decided\": \"earlier\", ");
        else
            text_printf(out, "\"decided\": \"now\", \"reason\": \"%s\", \"enforced\": %s, ", reason_name((enum bulkhead_reason)pair->reason),
                pair->reason == REASON_RULE ? "true" : "false");
        text_printf(out, "\"open\": %llu, \"beginning\": %llu, \"ending\": %llu}", (unsigned long long)pair->counts[SESSION_STATE_OPEN],
            (unsigned long long)pair->counts[SESSION_STATE_BEGINNING], (unsigned long long)pair->counts[SESSION_STATE_ENDING]);
    }
    text_puts(out, "]}, ");
}

static void put_refused(const struct policy *p, const struct pairs *pairs, struct text *out)
{
    text_printf(out, "\"refused\": {\"seconds\": %d, \"records\": %llu, \"in_other_pairs\": %llu, \"pairs\": [", TOP_REFUSED_SECONDS,
        (unsigned long long)pairs->counts[0], (unsigned long long)pairs->beyond);
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pair *pair = pairs->items[i];
        text_puts(out, i ? ", {" : "{");
        put_pair(p, pair, out);
        text_printf(out, "\"reason\": \"%s\", \"records\": %llu}", reason_name((enum bulkhead_reason)pair->reason), (unsigned long long)pair->counts[0]);
    }
    text_puts(out, "]}, ");
}

static void put_rate(const char *key, uint64_t now, uint64_t before, double seconds, const char *behind, struct text *out)
{
    text_printf(out, "\"%s\": %.3f%s", key, now > before ? (double)(now - before) / seconds : 0.0, behind);
}

static void put_rates(const struct top_row *row, const struct top_row *before, double seconds, struct text *out)
{
    text_puts(out, ", \"packets_per_second\": {");
    put_rate("sent", row->sent.packets, before->sent.packets, seconds, ", ", out);
    put_rate("received", row->received.packets, before->received.packets, seconds, ", ", out);
    put_rate("observed", row->observed.packets, before->observed.packets, seconds, ", ", out);
    put_rate("refused", row->refused_packets, before->refused_packets, seconds, ", ", out);
    put_rate("kept_away", row->kept_away.packets, before->kept_away.packets, seconds, "}", out);
}

static void put_row(const struct top_row *row, struct text *out)
{
    text_printf(out, "{\"workload\": \"%s\", \"sent\": {\"packets\": %llu, \"bytes\": %llu}, \"received\": {\"packets\": %llu, \"bytes\": %llu}, \"observed\": %llu, \"kept_away\": %llu, \"refused\": {",
        row->name, (unsigned long long)row->sent.packets, (unsigned long long)row->sent.bytes, (unsigned long long)row->received.packets,
        (unsigned long long)row->received.bytes, (unsigned long long)row->observed.packets, (unsigned long long)row->kept_away.packets);
    bool any = false;
    for (int reason = 0; reason < REASONS; reason++)
        if (row->refused[reason].packets) {
            text_printf(out, "%s\"%s\": %llu", any ? ", " : "", reason_name((enum bulkhead_reason)reason), (unsigned long long)row->refused[reason].packets);
            any = true;
        }
    text_puts(out, "}");
}

void top_print_json(const struct running *r, const struct top_reading *t, const struct top_reading *before, struct text *out)
{
    text_printf(out, "{\"network\": \"%s\", \"agent\": ", r->state.name);
    text_printf(out, t->agent ? "{\"pid\": %d}" : "null", t->agent);
    text_printf(out, ", \"lost_events\": %llu, ", (unsigned long long)t->lost_events);
    put_sessions(r->policy, &t->talks, out);
    put_refused(r->policy, &t->refused, out);
    text_puts(out, "\"workloads\": [");
    for (size_t i = 0; i < t->count; i++) {
        const struct top_row *was = before ? top_row_of(before, t->rows[i].name) : NULL;
        text_puts(out, i ? ", " : "");
        put_row(&t->rows[i], out);
        if (was)
            put_rates(&t->rows[i], was, (double)(t->at - before->at) / 1e9, out);
        text_puts(out, "}");
    }
    text_puts(out, "]}\n");
}
