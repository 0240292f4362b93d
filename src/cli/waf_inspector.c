/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_inspector.h"

#include "cli/cli.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "cli/waf_show.h"

/* Processor time of one transaction, in microseconds. */
#define TRANSACTION_TIME ((uint64_t)10000000)
/* Collections that the messages of one run share. */
#define COLLECTIONS_MAX 100000
#define COLLECTION_BYTES ((size_t)64 << 10)
#define STORE_BYTES ((size_t)256 << 20)
#define COLLECTION_VARIABLES 1000
/* Rule by rule, so many messages have taken longer than a plan of the Core Rule Set takes to make. */
#define PLANNED_AFTER 2000000000u

/* What the engine asks about. */
struct asked {
    const struct rules *rules;
    uint64_t started; /* nanoseconds of this thread's processor time */
};

static uint64_t duration(void *context)
{
    const struct asked *asked = context;
    return (processor_nanoseconds() - asked->started) / 1000;
}

static enum waf_answer find_place(struct bytes address, struct arena *a, struct waf_place *ret, void *argument)
{
    const struct asked *asked = argument;
    return places_find(asked->rules->places, address, a, ret);
}

static void take_scores(struct waf_transaction *t, struct inspected *i)
{
    struct waf_scores scores = waf_scores_of(t);
    i->inbound = scores.inbound;
    i->outbound = scores.outbound;
    i->inbound_threshold = scores.inbound_threshold;
    i->outbound_threshold = scores.outbound_threshold;
}

bool waf_inspect_messages(struct rules *r, struct waf_scratch *scratch, const struct waf_store *store, struct inspected *i)
{
    struct http_message request, response;
    struct asked asked = {r, i->started};
    struct waf_options options = i->around ? *i->around : waf_options_now();
    options.place = r->places ? find_place : NULL;
    options.duration = duration;
    options.most_time = TRANSACTION_TIME;
    options.argument = &asked;
    options.store = store;
    options.profile = i->profile;
    options.decode_responses = true;
    if (!http_request_read(i->request, i->arena, &request, &i->error) ||
        (i->response.len && !http_response_read(i->response, i->arena, &response, &i->error)))
        return true;
    i->error = NULL;
    struct waf_transaction *t = transaction_begin(&r->program, i->arena, &options);
    if (!t)
        return false;
    transaction_request(t, scratch, &request);
    if (i->response.len)
        transaction_response(t, scratch, &response);
    i->outcome = transaction_end(t, scratch);
    i->transaction = t;
    take_scores(t, i);
    return true;
}

bool inspector_ask(struct inspector *with, struct inspected *i)
{
    i->started = processor_nanoseconds();
    i->profile = with->profile.rules ? &with->profile : NULL;
    bool ok = waf_inspect_messages(&with->rules, &with->scratch, &with->store, i);
    i->nanoseconds = processor_nanoseconds() - i->started;
    with->spent += i->nanoseconds;
    with->asked++;
    return ok;
}

bool inspector_plan_when_worth(struct inspector *with)
{
    if (with->planned || with->spent < PLANNED_AFTER)
        return true;
    with->planned = true;
    scratch_free(&with->scratch);
    return program_plan(&with->rules.program, with->rules.arena) && scratch_create(&with->rules.program, &with->scratch);
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

bool inspector_open(const struct operands *files, const char *what, const char *cache, bool json, struct inspector *ret)
{
    *ret = (struct inspector){.planned = cache};
    rule_cache_open(cache, &ret->cache);
    if (!rules_open_cached(files->items, files->count, &ret->cache, json, &ret->rules))
        return false;
    if (!ret->rules.set) {
        rules_complain(&ret->rules);
        (void)complain_in(json, "the %s are not valid: see bulkhead waf check", what);
        return false;
    }
    if (!prepare(ret)) {
        (void)complain_in(json, "out of memory");
        return false;
    }
    return true;
}

void inspector_close(struct inspector *with)
{
    memory_store_destroy(with->memory);
    scratch_free(&with->scratch);
    rules_free(&with->rules);
    rule_cache_close(&with->cache);
}
