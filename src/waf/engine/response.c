/* SPDX-License-Identifier: Apache-2.0 */
/* A response on its way through the rules: its body is looked at as its reader will see it, content codings taken off. */
#include "waf/engine/transaction.h"

#include "waf/body/decode.h"

/* ---- what the response is */

static bool type_is_inspected(const struct waf_transaction *t)
{
    const struct waf_rule_set *set = t->set;
    for (uint32_t i = 0; i < set->response_mime_type_count; i++)
        if (names_equal(waf_text_bytes(set, set->response_mime_types[i]), t->scalars[VARIABLE_RESPONSE_CONTENT_TYPE]))
            return true;
    return !set->response_mime_type_count;
}

/* ---- content codings */

/* What is to be taken off the body: nothing when one of its codings is not known here, and then it is said. */
static bool wants_decoding(struct waf_transaction *t, struct codings *ret)
{
    const struct waf_values *headers = &t->lists[VARIABLE_RESPONSE_HEADERS];
    enum codings_result result = CODINGS_KNOWN;
    *ret = (struct codings){0};
    for (size_t i = 0; i < headers->count && result == CODINGS_KNOWN; i++)
        if (names_equal(headers->items[i].name, bytes_of_text("Content-Encoding")))
            result = codings_add(ret, headers->items[i].value);
    if (result == CODINGS_KNOWN && (!ret->count || t->options.decode_responses))
        return ret->count > 0;
    limit_passed(t, result == CODINGS_TOO_MANY ? "the response's body has more content codings than are taken off: it was inspected as it is"
                                               : "the response's body is compressed: it was inspected as it is");
    return false;
}

/* What came of decoding is told; true: a limit refuses the response. */
static bool bound_decoded(struct waf_transaction *t, enum decode_result result)
{
    uint8_t action = t->set->settings.response_body_limit_action, error = VARIABLE_OUTBOUND_DATA_ERROR;
    switch (result) {
    case DECODE_WHOLE:
        break;
    case DECODE_CUT:
        limit_passed(t, "the response's compressed body is cut short; what was there of it was inspected");
        break;
    case DECODE_BROKEN:
        limit_passed(t, "the response's compressed body is broken; what lies behind was not inspected");
        break;
    case DECODE_TRAILED:
        limit_passed(t, "bytes stand behind the end of the response's compressed body; they were not inspected");
        break;
    case DECODE_TOO_LARGE:
        return body_passed(t, action, error, "the body is larger than its limit, decompressed",
            "the body is larger than its limit, decompressed; what lies behind it was not inspected", &t->response_body);
    case DECODE_TOO_DENSE:
        return body_passed(t, action, error, "the response's body decompresses to too many times its size",
            "the response's body decompresses to too many times its size; what lies behind was not inspected", &t->response_body);
    case DECODE_NO_MEMORY:
        (void)need(t, false);
        break;
    }
    return false;
}

/* True: a limit refuses the response. */
static bool take_as_it_is(struct waf_transaction *t, struct bytes body)
{
    const struct waf_settings *s = &t->set->settings;
    return bound_body(t, body, s->response_body_limit, s->response_body_limit_action, VARIABLE_OUTBOUND_DATA_ERROR, &t->response_body);
}

static bool take_body(struct waf_transaction *t, struct bytes body)
{
    uint64_t most = t->set->settings.response_body_limit;
    struct codings codings;
    if (!body.len || !wants_decoding(t, &codings))
        return take_as_it_is(t, body);
    struct decoder *d = decoder_begin(&codings, most ? (size_t)most : SIZE_MAX, t->arena);
    if (!need(t, d != NULL))
        return false;
    (void)decoder_feed(d, body);
    enum decode_result result = decoder_end(d, &t->response_body);
    if (result == DECODE_BROKEN && !t->response_body.len) { /* some servers say a coding of what has none, and browsers show it */
        limit_passed(t, "the response's body is not compressed as it says: it was inspected as it is");
        return take_as_it_is(t, body);
    }
    return bound_decoded(t, result);
}

/* ---- the body's phase */

static void inspect_response_body(struct waf_transaction *t, const struct http_message *m)
{
    if (t->response_access != SWITCH_ON || !type_is_inspected(t)) {
        if (m->body.len)
            limit_passed(t, "the response's body was not inspected: its type, or SecResponseBodyAccess");
        return;
    }
    if (take_body(t, m->body)) {
        refuse(t, 4, 403);
        return;
    }
    t->scalars[VARIABLE_RESPONSE_BODY] = t->response_body;
    set_number(t, VARIABLE_RESPONSE_CONTENT_LENGTH, t->response_body.len);
    evaluate_phase(t, 4);
}

/* ---- all of it */

static void run_response(struct waf_transaction *t, const struct http_message *m)
{
    if (is_refused(t))
        return;
    t->scalars[VARIABLE_RESPONSE_STATUS] = t->scalars[VARIABLE_STATUS] = m->status;
    t->scalars[VARIABLE_RESPONSE_PROTOCOL] = m->response_protocol;
    t->scalars[VARIABLE_STATUS_LINE] = m->line;
    for (size_t i = 0; i < m->header_count; i++) {
        const struct http_header *h = &m->headers[i];
        add_value(t, VARIABLE_RESPONSE_HEADERS, h->name, h->value);
        if (names_equal(h->name, bytes_of_text("content-type")))
            t->scalars[VARIABLE_RESPONSE_CONTENT_TYPE] = bytes_slice(h->value, 0, index_of(h->value, ';'));
    }
    if (t->engine == SWITCH_OFF)
        return;
    evaluate_phase(t, 3);
    if (!is_refused(t) && t->engine != SWITCH_OFF)
        inspect_response_body(t, m);
}

void transaction_response(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    step_begin(t, scratch);
    run_response(t, m);
    step_end(t);
}
