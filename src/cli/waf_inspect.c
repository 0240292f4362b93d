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
#include "cli/waf_inspected.h"
#include "cli/waf_show.h"
#include "waf/store/memory.h"

/* Memory of one transaction, its processor time in microseconds, and bytes of one message. */
#define TRANSACTION_MEMORY ((size_t)1 << 30)
#define TRANSACTION_TIME ((uint64_t)10000000)
#define MESSAGE_MAX ((size_t)128 << 20)
/* Collections that the messages of one run share. */
#define COLLECTIONS_MAX 100000
#define COLLECTION_BYTES ((size_t)64 << 10)
#define STORE_BYTES ((size_t)256 << 20)
#define COLLECTION_VARIABLES 1000

/* What the messages of one run share. */
struct inspector {
    struct rules rules;
    struct waf_scratch scratch;
    struct memory_store *memory;
    struct waf_store store;
    uint64_t spent; /* nanoseconds of processor time */
    bool planned;
};

/* What the engine asks about. */
struct asked {
    const struct rules *rules;
    uint64_t started; /* nanoseconds of this thread's processor time */
};

/* Rule by rule, so many messages have taken longer than a plan of the Core Rule Set takes to make. */
#define PLANNED_AFTER 2000000000u

static uint64_t cpu_nanoseconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec : 0;
}

static uint64_t duration(void *context)
{
    const struct asked *asked = context;
    return (cpu_nanoseconds() - asked->started) / 1000;
}

static void print_matched(const struct waf_matched *m, struct text *out)
{
    text_puts(out, "{\"variable\": ");
    waf_show_json(m->variable, SHOWN_MAX, out);
    text_puts(out, ", \"value\": ");
    if (waf_is_secret(m->variable))
        text_printf(out, "\"(%zu bytes, not shown)\"", m->value.len);
    else
        waf_show_json(m->value, SHOWN_MAX, out);
    text_printf(out, ", \"offset\": %zu, \"length\": %zu}", m->offset, m->length);
}

static void print_event(const struct rules *r, const struct waf_event *e, struct text *out)
{
    const struct waf_rule *rule = &r->set->rules[e->rule];
    text_printf(out, "{\"id\": %lld, \"phase\": %u, \"msg\": ", (long long)rule->id, rule->phase);
    waf_show_json(e->msg, SIZE_MAX, out);
    text_puts(out, ", \"data\": ");
    waf_show_json(e->data, SIZE_MAX, out);
    if (e->severity >= 0 && e->severity < 8)
        text_printf(out, ", \"severity\": \"%s\"", waf_severity_names[e->severity]);
    text_puts(out, ", \"tags\": [");
    for (size_t i = 0; i < e->tag_count; i++) {
        text_puts(out, i ? ", " : "");
        waf_show_json(e->tags[i], SIZE_MAX, out);
    }
    text_puts(out, "], \"file\": ");
    waf_show_json(waf_text_bytes(r->set, r->set->files[rule->file]), SIZE_MAX, out);
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
    text_printf(out, "{\"decision\": \"%s\"", waf_decision_names[o->decision]);
    if (refused)
        text_printf(out, ", \"status\": %d, \"phase\": %u", o->status, o->phase);
    if (o->decision == WAF_REDIRECT) {
        text_puts(out, ", \"redirect\": ");
        waf_show_json(o->redirect, SIZE_MAX, out);
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

static enum waf_answer find_place(struct bytes address, struct arena *a, struct waf_place *ret, void *argument)
{
    const struct asked *asked = argument;
    return places_find(asked->rules->places, address, a, ret);
}

bool waf_inspect_messages(struct rules *r, struct waf_scratch *scratch, const struct waf_store *store, struct inspected *i)
{
    struct http_message request, response;
    struct asked asked = {r, i->started};
    struct waf_options options = waf_options_now();
    options.place = r->places ? find_place : NULL;
    options.duration = duration;
    options.most_time = TRANSACTION_TIME;
    options.argument = &asked;
    options.store = store;
    options.decode_responses = true;
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
    i->transaction = t;
    int64_t inbound = transaction_number(t, "anomaly_score"), blocking = transaction_number(t, "blocking_inbound_anomaly_score"); /* 3.3; 4 */
    i->inbound = inbound > blocking ? inbound : blocking;
    int64_t outbound = transaction_number(t, "outbound_anomaly_score");
    blocking = transaction_number(t, "blocking_outbound_anomaly_score");
    i->outbound = outbound > blocking ? outbound : blocking;
    return true;
}

/* One answer to `out`. False when memory is out before anything could be asked. */
static bool inspect(struct inspector *with, struct bytes request, struct bytes response, bool json, struct text *out, enum waf_decision *ret)
{
    struct inspected i = {.arena = arena_create(TRANSACTION_MEMORY), .request = request, .response = response, .started = cpu_nanoseconds()};
    bool ok = i.arena && waf_inspect_messages(&with->rules, &with->scratch, &with->store, &i);
    i.nanoseconds = cpu_nanoseconds() - i.started;
    with->spent += i.nanoseconds;
    if (ok) {
        if (json)
            print_json(&with->rules, &i, out);
        else
            waf_inspected_print(&with->rules, &i, color_wanted(STDOUT_FILENO), out);
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

/* From a certain amount of messages on, a plan is worth its time. False when memory is out. */
static bool plan_when_worth(struct inspector *with)
{
    if (with->planned || with->spent < PLANNED_AFTER)
        return true;
    with->planned = true;
    scratch_free(&with->scratch);
    return program_plan(&with->rules.program, with->rules.arena) && scratch_create(&with->rules.program, &with->scratch);
}

static int inspect_batch(struct inspector *with)
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
        else if (!inspect(with, input_bytes(&request), input_bytes(&response), true, &out, &ignored))
            status = complain("out of memory");
        else
            status = output_text(&out, STATUS_YES);
        if (status == STATUS_YES && !plan_when_worth(with))
            status = complain("out of memory");
        text_free(&out);
        input_free(&request);
        input_free(&response);
        if (status != STATUS_YES)
            return status;
    }
    return more == 0 ? STATUS_YES : complain("standard input is to be `REQUEST-BYTES RESPONSE-BYTES`, a newline, and as many bytes; at most %zu each", MESSAGE_MAX);
}

static int inspect_files(const struct operands *files, struct inspector *with, const struct inspection *wanted)
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
    else if (wanted->suggest)
        status = waf_suggest(files, &with->rules, input_bytes(&request), input_bytes(&response), wanted->json);
    else if (!inspect(with, input_bytes(&request), input_bytes(&response), wanted->json, &out, &decision))
        status = complain_in(wanted->json, "out of memory");
    else
        status = output_text(&out, decision == WAF_PASS || decision == WAF_ALLOW ? STATUS_YES : STATUS_NO);
    input_free(&request);
    input_free(&response);
    return status;
}

/* False when memory is out, or chance. */
static bool prepare(struct inspector *with)
{
    struct memory_store_limits limits = {COLLECTIONS_MAX, STORE_BYTES, COLLECTION_VARIABLES, COLLECTION_BYTES, {0}};
    if (!chance(&limits.seed[0]) || !chance(&limits.seed[1]) || !scratch_create(&with->rules.program, &with->scratch))
        return false;
    with->memory = memory_store_create(&limits);
    if (with->memory)
        with->store = memory_store_lend(with->memory);
    return with->memory != NULL;
}

int waf_inspect(const struct operands *files, const struct inspection *wanted)
{
    struct inspector with = {0};
    bool json = wanted->json || wanted->batch;
    int status = STATUS_CANNOT;
    if (rules_open(files->items, files->count, json, &with.rules)) {
        if (!with.rules.set) {
            rules_complain(&with.rules);
            status = complain_in(json, "the rules are not valid: see bulkhead waf check");
        } else if (!prepare(&with))
            status = complain_in(json, "out of memory");
        else
            status = wanted->batch ? inspect_batch(&with) : inspect_files(files, &with, wanted);
    }
    memory_store_destroy(with.memory);
    scratch_free(&with.scratch);
    rules_free(&with.rules);
    return status;
}
