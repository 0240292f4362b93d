/* SPDX-License-Identifier: Apache-2.0 */
/* The public steps: each in its order, and what cannot be looked at is refused. */
#include <stdlib.h>

#include "waf/api/api.h"
#include "waf/api/sized.h"

#define TRANSACTION_MEMORY ((size_t)64 << 20)
#define JSON_MAX           ((size_t)64 << 20)

/* ---- life */

static enum bh_waf_result transaction_new(struct bh_waf_rules *rules, const struct bh_waf_options *o, struct bh_waf_transaction **ret)
{
    struct bh_waf_transaction *t = calloc(1, sizeof *t);
    if (!t)
        return BH_WAF_NO_MEMORY;
    t->rules = bh_waf_rules_hold(rules);
    t->asked = *o;
    t->json = text_new(JSON_MAX);
    t->arena = arena_create(o->most_memory ? o->most_memory : TRANSACTION_MEMORY);
    if (!t->arena || !surroundings_set(t)) {
        bh_waf_transaction_free(t);
        return BH_WAF_NO_MEMORY;
    }
    *ret = t;
    return BH_WAF_OK;
}

enum bh_waf_result bh_waf_transaction_create(struct bh_waf_rules *rules, const struct bh_waf_options *options, struct bh_waf_transaction **ret)
{
    struct bh_waf_options o = {0};
    if (!rules || !ret || (options && !sized_read(options, &o, sizeof o)) || !is_readable(o.unique_id))
        return BH_WAF_MISUSE;
    return transaction_new(rules, &o, ret);
}

void bh_waf_transaction_free(struct bh_waf_transaction *t)
{
    if (!t)
        return;
    if (t->engine)
        transaction_release(t->engine);
    text_free(&t->json);
    arena_destroy(t->arena);
    bh_waf_rules_free(t->rules);
    free(t);
}

/* ---- steps */

static bool may_step(const struct bh_waf_transaction *t, const struct bh_waf_scratch *scratch, enum api_step after)
{
    return t && scratch && scratch->rules == t->rules && t->step == after;
}

enum bh_waf_result bh_waf_connection(struct bh_waf_transaction *t, struct bh_waf_bytes client, uint16_t client_port, struct bh_waf_bytes server, uint16_t server_port)
{
    struct bytes copies[2];
    if (!t || t->step != STEP_NEW || !is_readable(client) || !is_readable(server))
        return BH_WAF_MISUSE;
    if (!bytes_copy(bytes_given(client), t->arena, &copies[0]) || !bytes_copy(bytes_given(server), t->arena, &copies[1]))
        return BH_WAF_NO_MEMORY;
    t->options.client = copies[0];
    t->options.server = copies[1];
    t->options.client_port = client_port;
    t->options.server_port = server_port;
    t->step = STEP_CONNECTED;
    return BH_WAF_OK;
}

/* Of a head that no rule has seen. */
static void refuse_unread(struct bh_waf_transaction *t, uint8_t phase, enum bh_waf_result why)
{
    static const char *const memory[] = {"the transaction's memory ran out: what was not judged yet is refused"};
    static const char *const unread[] = {"the head of a message is no HTTP: no rule has seen it"};
    t->unread = (struct waf_outcome){.decision = WAF_DENY, .status = why == BH_WAF_NO_MEMORY ? 413 : phase == 1 ? 400 : 502, .phase = phase,
        .limits = why == BH_WAF_NO_MEMORY ? memory : unread, .limit_count = 1};
}

/* Memory of a transaction that is out is a decision, as in every step. */
static enum bh_waf_result told(enum bh_waf_result result)
{
    return result == BH_WAF_NO_MEMORY ? BH_WAF_OK : result;
}

static bool is_unread(const struct bh_waf_transaction *t)
{
    return t->unread.decision != WAF_PASS;
}

/* `m` is there when `result` is OK. */
static enum bh_waf_result take_request(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, enum bh_waf_result result, const struct http_message *m)
{
    if (result == BH_WAF_MISUSE)
        return result;
    t->step = STEP_REQUEST;
    if (result == BH_WAF_OK && !(t->engine = transaction_begin(&t->rules->program, t->arena, &t->options)))
        result = BH_WAF_NO_MEMORY;
    if (result == BH_WAF_OK)
        transaction_request_head(t->engine, &scratch->scratch, m);
    else
        refuse_unread(t, 1, result);
    return told(result);
}

enum bh_waf_result bh_waf_request_head(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, const struct bh_waf_request *request)
{
    struct http_message m;
    if (!may_step(t, scratch, STEP_NEW) && !may_step(t, scratch, STEP_CONNECTED))
        return BH_WAF_MISUSE;
    return take_request(t, scratch, request_copy(request, t->arena, &m), &m);
}

enum bh_waf_result bh_waf_request_head_raw(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, struct bh_waf_bytes head)
{
    struct http_message m;
    if (!may_step(t, scratch, STEP_NEW) && !may_step(t, scratch, STEP_CONNECTED))
        return BH_WAF_MISUSE;
    return take_request(t, scratch, head_read(head, false, t->arena, &m), &m);
}

int bh_waf_reads_request_body(const struct bh_waf_transaction *t)
{
    return t && t->engine && !is_unread(t) && t->step == STEP_REQUEST && transaction_reads_request_body(t->engine);
}

static bool is_piece(const struct bh_waf_transaction *t, struct bh_waf_bytes piece, enum bh_waf_piece kind, enum api_step after)
{
    return t && t->step == after && is_readable(piece) && (kind == BH_WAF_COPIED || kind == BH_WAF_LENT);
}

enum bh_waf_result bh_waf_request_body(struct bh_waf_transaction *t, struct bh_waf_bytes piece, enum bh_waf_piece kind)
{
    if (!is_piece(t, piece, kind, STEP_REQUEST))
        return BH_WAF_MISUSE;
    if (!is_unread(t))
        transaction_request_body(t->engine, bytes_given(piece), kind == BH_WAF_LENT);
    return BH_WAF_OK;
}

enum bh_waf_result bh_waf_request_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch)
{
    if (!may_step(t, scratch, STEP_REQUEST))
        return BH_WAF_MISUSE;
    t->step = STEP_REQUEST_END;
    if (!is_unread(t))
        transaction_request_end(t->engine, &scratch->scratch);
    return BH_WAF_OK;
}

static enum bh_waf_result take_response(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, enum bh_waf_result result, const struct http_message *m)
{
    if (result == BH_WAF_MISUSE)
        return result;
    t->step = STEP_RESPONSE;
    if (is_unread(t))
        return BH_WAF_OK;
    if (result == BH_WAF_OK)
        transaction_response_head(t->engine, &scratch->scratch, m);
    else
        refuse_unread(t, 3, result);
    return told(result);
}

enum bh_waf_result bh_waf_response_head(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, const struct bh_waf_response *response)
{
    struct http_message m;
    if (!may_step(t, scratch, STEP_REQUEST_END))
        return BH_WAF_MISUSE;
    return take_response(t, scratch, response_copy(response, t->arena, &m), &m);
}

enum bh_waf_result bh_waf_response_head_raw(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, struct bh_waf_bytes head)
{
    struct http_message m;
    if (!may_step(t, scratch, STEP_REQUEST_END))
        return BH_WAF_MISUSE;
    return take_response(t, scratch, head_read(head, true, t->arena, &m), &m);
}

int bh_waf_reads_response_body(const struct bh_waf_transaction *t)
{
    return t && t->engine && !is_unread(t) && t->step == STEP_RESPONSE && transaction_reads_response_body(t->engine);
}

enum bh_waf_result bh_waf_response_body(struct bh_waf_transaction *t, struct bh_waf_bytes piece, enum bh_waf_piece kind)
{
    if (!is_piece(t, piece, kind, STEP_RESPONSE))
        return BH_WAF_MISUSE;
    if (!is_unread(t))
        transaction_response_body(t->engine, bytes_given(piece), kind == BH_WAF_LENT);
    return BH_WAF_OK;
}

enum bh_waf_result bh_waf_response_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch)
{
    if (!may_step(t, scratch, STEP_RESPONSE))
        return BH_WAF_MISUSE;
    t->step = STEP_RESPONSE_END;
    if (!is_unread(t))
        transaction_response_end(t->engine, &scratch->scratch);
    return BH_WAF_OK;
}

/* Rules of phase 5 see a response that none could read as one that is not there; its refusal stands, and its reason. */
static const struct waf_outcome *end_engine(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch)
{
    struct waf_outcome all = *transaction_end(t->engine, &scratch->scratch);
    all.decision = t->unread.decision;
    all.status = t->unread.status;
    all.phase = t->unread.phase;
    all.limits = t->unread.limits;
    all.limit_count = t->unread.limit_count;
    t->unread = all;
    return &t->unread;
}

enum bh_waf_result bh_waf_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch)
{
    if (!t || !scratch || scratch->rules != t->rules || t->step < STEP_REQUEST || t->step == STEP_ENDED)
        return BH_WAF_MISUSE;
    t->step = STEP_ENDED;
    if (!is_unread(t))
        t->outcome = transaction_end(t->engine, &scratch->scratch);
    else
        t->outcome = t->engine ? end_engine(t, scratch) : &t->unread;
    return BH_WAF_OK;
}
