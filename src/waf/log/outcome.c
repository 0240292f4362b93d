/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/log/outcome.h"

#include <stdlib.h>
#include <time.h>

const char *const waf_decision_names[] = {[WAF_PASS] = "pass", [WAF_DENY] = "deny", [WAF_DROP] = "drop", [WAF_REDIRECT] = "redirect", [WAF_ALLOW] = "allow"};
const char *const waf_severity_names[] = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"};

bool waf_refuses(enum waf_decision d)
{
    return d != WAF_PASS && d != WAF_ALLOW;
}

/* ---- scores */

static int64_t larger_of(struct waf_transaction *t, const char *name, const char *name_of_4)
{
    int64_t a = transaction_number(t, name), b = transaction_number(t, name_of_4);
    return a > b ? a : b;
}

struct waf_scores waf_scores_of(struct waf_transaction *t)
{
    return (struct waf_scores){
        .inbound = larger_of(t, "anomaly_score", "blocking_inbound_anomaly_score"),
        .outbound = larger_of(t, "outbound_anomaly_score", "blocking_outbound_anomaly_score"),
        .inbound_threshold = transaction_number(t, "inbound_anomaly_score_threshold"),
        .outbound_threshold = transaction_number(t, "outbound_anomaly_score_threshold"),
    };
}

/* ---- values */

void waf_show_json(struct bytes b, size_t most, struct text *out)
{
    struct bytes shown = bytes_slice(b, 0, most);
    char *copy = malloc(shown.len + 1);
    if (!copy) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < shown.len; i++)
        copy[i] = shown.at[i] ? (char)shown.at[i] : (char)0xff;
    copy[shown.len] = 0;
    text_json(out, copy);
    free(copy);
}

bool waf_is_secret(struct bytes variable)
{
    static const char *const words[] = {"COOKIE", "AUTHORIZATION", "PASSW", "PASSPHRASE", "PWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "SESSION"};
    char name[128];
    struct bytes shown = bytes_slice(variable, 0, sizeof name - 1);
    for (size_t i = 0; i < shown.len; i++)
        name[i] = (char)(shown.at[i] >= 'a' && shown.at[i] <= 'z' ? shown.at[i] - 32 : shown.at[i] == 0 ? '?' : shown.at[i]);
    name[shown.len] = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

static void put_hidden(struct bytes b, struct text *out)
{
    text_printf(out, "\"(%zu bytes, not shown)\"", b.len);
}

void waf_matched_json(const struct waf_matched *m, struct text *out)
{
    text_puts(out, "{\"variable\": ");
    waf_show_json(m->variable, SHOWN_MAX, out);
    text_puts(out, ", \"value\": ");
    if (waf_is_secret(m->variable))
        put_hidden(m->value, out);
    else
        waf_show_json(m->value, SHOWN_MAX, out);
    text_printf(out, ", \"offset\": %zu, \"length\": %zu}", m->offset, m->length);
}

/* ---- events */

static bool contains(struct bytes text, struct bytes part)
{
    return part.len && text.len >= part.len && memmem(text.at, text.len, part.at, part.len);
}

/* Messages and data of rules repeat what matched (%{MATCHED_VAR}, %{TX.0}): is it a secret's? */
static bool tells_a_secret(const struct waf_event *e, struct bytes text)
{
    for (size_t i = 0; i < e->matched_count; i++) {
        const struct waf_matched *m = &e->matched[i];
        if (waf_is_secret(m->variable) && (contains(text, m->value) || contains(text, bytes_slice(m->value, m->offset, m->length))))
            return true;
    }
    return false;
}

static void put_text(const struct waf_event *e, struct bytes text, struct text *out)
{
    if (tells_a_secret(e, text))
        put_hidden(text, out);
    else
        waf_show_json(text, SIZE_MAX, out);
}

void event_json(const struct waf_rule_set *set, const struct waf_event *e, struct text *out)
{
    const struct waf_rule *rule = &set->rules[e->rule];
    text_printf(out, "{\"id\": %lld, \"phase\": %u, \"msg\": ", (long long)rule->id, rule->phase);
    put_text(e, e->msg, out);
    text_puts(out, ", \"data\": ");
    put_text(e, e->data, out);
    if (e->severity >= 0 && e->severity < 8)
        text_printf(out, ", \"severity\": \"%s\"", waf_severity_names[e->severity]);
    text_puts(out, ", \"tags\": [");
    for (size_t i = 0; i < e->tag_count; i++) {
        text_puts(out, i ? ", " : "");
        waf_show_json(e->tags[i], SIZE_MAX, out);
    }
    text_puts(out, "], \"file\": ");
    waf_show_json(waf_text_bytes(set, set->files[rule->file]), SIZE_MAX, out);
    text_printf(out, ", \"line\": %u, \"matched\": [", rule->line);
    for (size_t i = 0; i < e->matched_count; i++) {
        text_puts(out, i ? ", " : "");
        waf_matched_json(&e->matched[i], out);
    }
    text_puts(out, "]}");
}

/* ---- the outcome */

static void put_time(int64_t time, struct text *out)
{
    time_t seconds = (time_t)time;
    struct tm utc;
    if (time && gmtime_r(&seconds, &utc))
        text_printf(out, ", \"time\": \"%04d-%02d-%02dT%02d:%02d:%02dZ\"", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void put_fact(const char *name, struct bytes value, struct text *out)
{
    if (!value.len)
        return;
    text_printf(out, ", \"%s\": ", name);
    waf_show_json(value, SHOWN_MAX, out);
}

void outcome_json(const struct waf_rule_set *set, const struct waf_outcome *o, const struct outcome_facts *facts, struct text *out)
{
    text_printf(out, "{\"decision\": \"%s\"", waf_decision_names[o->decision]);
    if (waf_refuses(o->decision))
        text_printf(out, ", \"status\": %d, \"phase\": %u", o->status, o->phase);
    if (o->decision == WAF_REDIRECT) {
        text_puts(out, ", \"redirect\": ");
        waf_show_json(o->redirect, SIZE_MAX, out);
    }
    put_time(facts->time, out);
    put_fact("unique_id", facts->unique_id, out);
    put_fact("client", facts->client, out);
    text_printf(out, ", \"score\": {\"inbound\": %lld, \"outbound\": %lld}, \"rules\": [", (long long)facts->scores.inbound, (long long)facts->scores.outbound);
    for (size_t i = 0; i < o->event_count; i++) {
        text_puts(out, i ? ", " : "");
        event_json(set, &o->events[i], out);
    }
    text_puts(out, "], \"limits\": [");
    for (size_t i = 0; i < o->limit_count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, o->limits[i]);
    }
    text_puts(out, "]");
    if (facts->timed)
        text_printf(out, ", \"nanoseconds\": %llu", (unsigned long long)facts->nanoseconds);
    text_puts(out, "}\n");
}
