/* SPDX-License-Identifier: Apache-2.0 */
/* waf inspect: what rules say of a request and its response, or of as many as standard input has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "cli/rules.h"
#include "waf/engine/engine.h"

/* Memory of one transaction, its processor time in microseconds, and bytes of one message. */
#define TRANSACTION_MEMORY ((size_t)1 << 30)
#define TRANSACTION_TIME ((uint64_t)10000000)
#define MESSAGE_MAX ((size_t)128 << 20)
#define SHOWN_MAX 200

static const char *const decision_names[] = {[WAF_PASS] = "pass", [WAF_DENY] = "deny", [WAF_DROP] = "drop", [WAF_REDIRECT] = "redirect", [WAF_ALLOW] = "allow"};
static const char *const severity_names[] = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"};

/* One message pair, and what came of it. */
struct inspected {
    struct arena *arena;
    struct bytes request, response; /* the latter empty: none */
    const char *error;              /* it is no HTTP: why */
    const struct waf_outcome *outcome;
    int64_t inbound, outbound;      /* anomaly scores */
    uint64_t started, nanoseconds;  /* of this thread's processor time */
};

static uint64_t cpu_nanoseconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec : 0;
}

static uint64_t duration(void *inspected)
{
    const struct inspected *i = inspected;
    return (cpu_nanoseconds() - i->started) / 1000;
}

/* A string of JSON; a NUL cannot be shown and becomes U+FFFD, as bytes that are no UTF-8. */
static void print_bytes(struct bytes b, size_t most, struct text *out)
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

/* Values that let others in are not shown: those of cookies, of Authorization, and of what is called a password or token. */
static bool is_secret(struct bytes variable)
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

static void print_matched(const struct waf_matched *m, struct text *out)
{
    text_puts(out, "{\"variable\": ");
    print_bytes(m->variable, SHOWN_MAX, out);
    text_puts(out, ", \"value\": ");
    if (is_secret(m->variable))
        text_printf(out, "\"(%zu bytes, not shown)\"", m->value.len);
    else
        print_bytes(m->value, SHOWN_MAX, out);
    text_printf(out, ", \"offset\": %zu}", m->offset);
}

static void print_event(const struct rules *r, const struct waf_event *e, struct text *out)
{
    const struct waf_rule *rule = &r->set->rules[e->rule];
    text_printf(out, "{\"id\": %lld, \"phase\": %u, \"msg\": ", (long long)rule->id, rule->phase);
    print_bytes(e->msg, SIZE_MAX, out);
    text_puts(out, ", \"data\": ");
    print_bytes(e->data, SIZE_MAX, out);
    if (e->severity >= 0 && e->severity < 8)
        text_printf(out, ", \"severity\": \"%s\"", severity_names[e->severity]);
    text_puts(out, ", \"tags\": [");
    for (size_t i = 0; i < e->tag_count; i++) {
        text_puts(out, i ? ", " : "");
        print_bytes(e->tags[i], SIZE_MAX, out);
    }
    text_puts(out, "], \"file\": ");
    print_bytes(waf_text_bytes(r->set, r->set->files[rule->file]), SIZE_MAX, out);
    text_printf(out, ", \"line\": %u, \"matched\": [", rule->line);
    for (size_t i = 0; i < e->matched_count; i++) {
        text_puts(out, i ? ", " : "");
        print_matched(&e->matched[i], out);
    }
    text_puts(out, "]}");
}

static void print_json(const struct rules *r, const struct inspected *i, struct text *out)
{
    if (i->error) {
        text_puts(out, "{\"decision\": \"deny\", \"status\": 400, \"error\": ");
        text_json(out, i->error);
        text_puts(out, "}\n");
        return;
    }
    const struct waf_outcome *o = i->outcome;
    bool refused = o->decision != WAF_PASS && o->decision != WAF_ALLOW;
    text_printf(out, "{\"decision\": \"%s\"", decision_names[o->decision]);
    if (refused)
        text_printf(out, ", \"status\": %d, \"phase\": %u", o->status, o->phase);
    if (o->decision == WAF_REDIRECT) {
        text_puts(out, ", \"redirect\": ");
        print_bytes(o->redirect, SIZE_MAX, out);
    }
    text_printf(out, ", \"score\": {\"inbound\": %lld, \"outbound\": %lld}, \"rules\": [", (long long)i->inbound, (long long)i->outbound);
    for (size_t k = 0; k < o->event_count; k++) {
        text_puts(out, k ? ", " : "");
        print_event(r, &o->events[k], out);
    }
    text_puts(out, "], \"limits\": [");
    for (size_t k = 0; k < o->limit_count; k++) {
        text_puts(out, k ? ", " : "");
        text_json(out, o->limits[k]);
    }
    text_printf(out, "], \"nanoseconds\": %llu}\n", (unsigned long long)i->nanoseconds);
}

/* Bytes for a terminal: what is no printable ASCII is shown as in C. */
static void print_plain(struct bytes b, struct text *out)
{
    struct bytes shown = bytes_slice(b, 0, SHOWN_MAX);
    for (size_t i = 0; i < shown.len; i++)
        if (shown.at[i] >= ' ' && shown.at[i] < 0x7f)
            text_append(out, &shown.at[i], 1);
        else
            text_printf(out, "\\x%02x", shown.at[i]);
    if (b.len > shown.len)
        text_puts(out, " ...");
}

static void print_match_plain(const struct waf_matched *m, struct text *out)
{
    text_puts(out, "      ");
    print_plain(m->variable, out);
    text_puts(out, ": ");
    if (is_secret(m->variable))
        text_printf(out, "(%zu bytes, not shown)", m->value.len);
    else
        print_plain(m->value, out);
    text_puts(out, "\n");
}

static void print_people(const struct rules *r, const struct inspected *i, struct text *out)
{
    if (i->error) {
        text_printf(out, "deny, 400: %s\n", i->error);
        return;
    }
    const struct waf_outcome *o = i->outcome;
    text_puts(out, decision_names[o->decision]);
    if (o->decision != WAF_PASS && o->decision != WAF_ALLOW)
        text_printf(out, ", %d, in phase %u", o->status, o->phase);
    text_printf(out, "; anomaly score %lld inbound, %lld outbound; %zu rule%s fired\n", (long long)i->inbound, (long long)i->outbound, o->event_count,
        o->event_count == 1 ? "" : "s");
    for (size_t k = 0; k < o->event_count; k++) {
        const struct waf_event *e = &o->events[k];
        const struct waf_rule *rule = &r->set->rules[e->rule];
        struct bytes file = waf_text_bytes(r->set, r->set->files[rule->file]);
        text_printf(out, "  %lld  ", (long long)rule->id);
        print_plain(e->msg, out);
        text_printf(out, "\n      (%.*s:%u)\n", (int)file.len, (const char *)file.at, rule->line);
        for (size_t n = 0; n < e->matched_count; n++)
            print_match_plain(&e->matched[n], out);
    }
    for (size_t k = 0; k < o->limit_count; k++)
        text_printf(out, "  not inspected: %s\n", o->limits[k]);
}

static void fill_time(struct waf_options *o)
{
    time_t now = (time_t)moment_now();
    struct tm local;
    o->time = now;
    if (localtime_r(&now, &local)) {
        o->local.year = local.tm_year + 1900;
        o->local.month = local.tm_mon + 1;
        o->local.day = local.tm_mday;
        o->local.hour = local.tm_hour;
        o->local.minute = local.tm_min;
        o->local.second = local.tm_sec;
        o->local.weekday = local.tm_wday;
    }
}

static bool inspect_messages(const struct rules *r, struct waf_scratch *scratch, struct inspected *i)
{
    struct http_message request, response;
    struct waf_options options = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("inspect"),
        .duration = duration, .most_time = TRANSACTION_TIME, .argument = i, .decode_responses = true};
    fill_time(&options);
    (void)!getrandom(&options.seed, sizeof options.seed, GRND_NONBLOCK);
    if (!http_request_read(i->request, i->arena, &request, &i->error) ||
        (i->response.len && !http_response_read(i->response, i->arena, &response, &i->error)))
        return true;
    i->error = NULL;
    struct waf_transaction *t = transaction_begin(&r->program, scratch, i->arena, &options);
    if (!t)
        return false;
    transaction_request(t, &request);
    if (i->response.len)
        transaction_response(t, &response);
    i->outcome = transaction_end(t);
    int64_t inbound = transaction_number(t, "anomaly_score"), blocking = transaction_number(t, "blocking_inbound_anomaly_score"); /* 3.3; 4 */
    i->inbound = inbound > blocking ? inbound : blocking;
    int64_t outbound = transaction_number(t, "outbound_anomaly_score");
    blocking = transaction_number(t, "blocking_outbound_anomaly_score");
    i->outbound = outbound > blocking ? outbound : blocking;
    return true;
}

/* One answer to `out`. False when memory is out before anything could be asked. */
static bool inspect(const struct rules *r, struct waf_scratch *scratch, struct bytes request, struct bytes response, bool json, struct text *out, enum waf_decision *ret)
{
    struct inspected i = {.arena = arena_create(TRANSACTION_MEMORY), .request = request, .response = response, .started = cpu_nanoseconds()};
    bool ok = i.arena && inspect_messages(r, scratch, &i);
    i.nanoseconds = cpu_nanoseconds() - i.started;
    if (ok) {
        (json ? print_json : print_people)(r, &i, out);
        *ret = i.error ? WAF_DENY : i.outcome->decision;
    }
    arena_destroy(i.arena);
    return ok;
}

/* The next `len` bytes of standard input; false at its end. */
static bool read_bytes(size_t len, struct input *ret)
{
    ret->at = malloc(len ? len : 1);
    ret->len = len;
    return ret->at && fread(ret->at, 1, len, stdin) == len;
}

/* "REQUEST-BYTES RESPONSE-BYTES\n". 1: read, 0: the input has ended, -1: neither. */
static int read_lengths(size_t *request, size_t *response)
{
    size_t *numbers[] = {request, response};
    int c = getchar();
    if (c == EOF)
        return 0;
    for (int i = 0; i < 2; i++) {
        size_t n = 0, digits = 0;
        for (; c >= '0' && c <= '9'; c = getchar(), digits++) {
            n = n * 10 + (size_t)(c - '0');
            if (n > MESSAGE_MAX)
                return -1;
        }
        if (!digits || c != (i == 0 ? ' ' : '\n'))
            return -1;
        *numbers[i] = n;
        c = i == 0 ? getchar() : c;
    }
    return 1;
}

static int inspect_batch(const struct rules *r, struct waf_scratch *scratch)
{
    size_t lengths[2];
    int more;
    while ((more = read_lengths(&lengths[0], &lengths[1])) == 1) {
        struct input request = {0}, response = {0};
        struct text out = text_new(ANSWER_MAX);
        enum waf_decision ignored;
        int status = STATUS_YES;
        if (!read_bytes(lengths[0], &request) || !read_bytes(lengths[1], &response))
            status = complain("standard input ended in the middle of a message");
        else if (!inspect(r, scratch, input_bytes(&request), input_bytes(&response), true, &out, &ignored))
            status = complain("out of memory");
        else
            status = output_text(&out, STATUS_YES);
        text_free(&out);
        input_free(&request);
        input_free(&response);
        if (status != STATUS_YES)
            return status;
    }
    return more == 0 ? STATUS_YES : complain("standard input is to be `REQUEST-BYTES RESPONSE-BYTES`, a newline, and as many bytes; at most %zu each", MESSAGE_MAX);
}

static int inspect_files(const struct rules *r, struct waf_scratch *scratch, const struct inspection *wanted)
{
    struct input request = {0}, response = {0};
    const char *error, *file = wanted->request;
    struct text out = text_new(ANSWER_MAX);
    enum waf_decision decision = WAF_PASS;
    int status;
    bool read = input_read(wanted->request, MESSAGE_MAX, &request, &error);
    if (read && wanted->response) {
        file = wanted->response;
        read = input_read(wanted->response, MESSAGE_MAX, &response, &error);
    }
    if (!read)
        status = complain_in(wanted->json, "%s: %s", input_name(file), error);
    else if (!inspect(r, scratch, input_bytes(&request), input_bytes(&response), wanted->json, &out, &decision))
        status = complain_in(wanted->json, "out of memory");
    else
        status = output_text(&out, decision == WAF_PASS || decision == WAF_ALLOW ? STATUS_YES : STATUS_NO);
    input_free(&request);
    input_free(&response);
    return status;
}

int waf_inspect(const struct operands *files, const struct inspection *wanted)
{
    struct rules r;
    struct waf_scratch scratch;
    int status = STATUS_CANNOT;
    if (rules_open(files->items, files->count, wanted->json || wanted->batch, &r)) {
        if (!r.set) {
            rules_complain(&r);
            status = complain_in(wanted->json || wanted->batch, "the rules are not valid: see bulkhead waf check");
        } else if (!scratch_create(&r.program, &scratch))
            status = complain_in(wanted->json || wanted->batch, "out of memory");
        else {
            status = wanted->batch ? inspect_batch(&r, &scratch) : inspect_files(&r, &scratch, wanted);
            scratch_free(&scratch);
        }
    }
    rules_free(&r);
    return status;
}
