/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A response on its way through the rules: its body is looked at as its reader will see it, content codings taken off as it
 * arrives. The decoder gets blocks of one size, however the body was cut into pieces, so that where it breaks or what it
 * gives too much of does not depend on that.
 */
#include "waf/engine/transaction.h"

#include "waf/body/decode.h"

/* The ratio of decoding is judged after each: enough that a text which begins with what shrinks well is no bomb yet. */
#define BLOCK ((size_t)64 << 10)

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

/* What came of decoding is told. */
static void bound_decoded(struct waf_transaction *t, enum decode_result result)
{
    bool rest = true;
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
        rest = body_passed(t, 4, "the body is larger than its limit, decompressed",
            "the body is larger than its limit, decompressed; what lies behind it was not inspected");
        break;
    case DECODE_TOO_DENSE:
        rest = body_passed(t, 4, "the response's body decompresses to too many times its size",
            "the response's body decompresses to too many times its size; what lies behind was not inspected");
        break;
    case DECODE_NO_MEMORY:
        (void)need(t, false);
        break;
    }
    if (!rest)
        t->response.in.kept = (struct bytes){0};
}

/* ---- pieces */

/* As it is. */
static void take_plain(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    struct response_body *b = &t->response;
    uint64_t limit = t->set->settings.response_body_limit;
    if (limit && piece.len > limit - b->received) {
        piece = bytes_slice(piece, 0, (size_t)(limit - b->received));
        b->reading = READING_DONE;
        if (!body_passed(t, 4, "the body is larger than its limit", "the body is larger than its limit; what lies behind it was not inspected")) {
            b->in = (struct incoming){0};
            b->received = 0;
            return;
        }
    }
    b->received += piece.len;
    if (b->is_kept)
        (void)need(t, incoming_keep(&b->in, piece, lasts, t->arena));
}

/* Nothing more goes into the decoder. */
static void finish_decoding(struct waf_transaction *t)
{
    struct response_body *b = &t->response;
    struct bytes decoded, raw = b->in.kept;
    enum decode_result result = decoder_end(b->decoder, &decoded);
    b->in = (struct incoming){0};
    if (result == DECODE_BROKEN && !decoded.len) { /* some servers say a coding of what has none, and browsers show it */
        limit_passed(t, "the response's body is not compressed as it says: it was inspected as it is");
        b->reading = READING_PLAIN;
        take_plain(t, raw, true);
        return;
    }
    b->reading = READING_DONE;
    b->in.kept = decoded;
    b->received = decoded.len;
    bound_decoded(t, result);
}

/* What the decoder has seen is kept until it gives something: it may have been no coding. */
static void feed_block(struct waf_transaction *t, size_t len)
{
    struct response_body *b = &t->response;
    bool goes_on = decoder_feed(b->decoder, bytes_slice(b->in.kept, b->fed, len));
    b->fed += len;
    if (!goes_on) {
        finish_decoding(t);
    } else if (decoder_kept(b->decoder)) {
        incoming_drop(&b->in, b->fed);
        b->fed = 0;
    }
}

static void take_coded(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    struct response_body *b = &t->response;
    if (!need(t, incoming_keep(&b->in, piece, lasts, t->arena)))
        return;
    while (b->reading == READING_CODED && b->in.kept.len - b->fed >= BLOCK)
        feed_block(t, BLOCK);
}

/* What the first byte decides. */
static void begin_reading(struct waf_transaction *t)
{
    struct response_body *b = &t->response;
    const struct named_variables *named = &t->program->named;
    uint64_t most = t->set->settings.response_body_limit;
    struct codings codings;
    b->is_kept = variable_is_named(named, VARIABLE_RESPONSE_BODY);
    bool decodes = (b->is_kept || variable_is_named(named, VARIABLE_RESPONSE_CONTENT_LENGTH)) && wants_decoding(t, &codings);
    b->reading = decodes ? READING_CODED : READING_PLAIN;
    if (decodes)
        (void)need(t, (b->decoder = decoder_begin(&codings, most ? (size_t)most : SIZE_MAX, t->arena)) != NULL);
}

bool response_body_is_read(const struct waf_transaction *t)
{
    return t->response_access == SWITCH_ON && type_is_inspected(t) && t->allowed != ALLOWED_ALL;
}

void response_body_take(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    struct response_body *b = &t->response;
    if (!piece.len || b->reading == READING_DONE)
        return;
    if (!response_body_is_read(t)) {
        if (t->allowed != ALLOWED_ALL)
            limit_passed(t, "the response's body was not inspected: its type, or SecResponseBodyAccess");
        b->reading = READING_DONE;
        return;
    }
    if (b->reading == READING_NOTHING)
        begin_reading(t);
    if (t->out_of_memory)
        return;
    if (b->reading == READING_CODED)
        take_coded(t, piece, lasts);
    else
        take_plain(t, piece, lasts);
}

/* ---- the two steps */

void take_response_head(struct waf_transaction *t, const struct http_message *m)
{
    t->scalars[VARIABLE_RESPONSE_STATUS] = t->scalars[VARIABLE_STATUS] = m->status;
    t->scalars[VARIABLE_RESPONSE_PROTOCOL] = m->response_protocol;
    t->scalars[VARIABLE_STATUS_LINE] = m->line;
    for (size_t i = 0; i < m->header_count; i++) {
        const struct http_header *h = &m->headers[i];
        add_value(t, VARIABLE_RESPONSE_HEADERS, h->name, h->value);
        if (names_equal(h->name, bytes_of_text("content-type")))
            t->scalars[VARIABLE_RESPONSE_CONTENT_TYPE] = bytes_slice(h->value, 0, index_of(h->value, ';'));
    }
}

bool response_body_finish(struct waf_transaction *t)
{
    struct response_body *b = &t->response;
    if (!response_body_is_read(t))
        return false;
    if (b->reading == READING_CODED && b->in.kept.len > b->fed)
        feed_block(t, b->in.kept.len - b->fed);
    if (b->reading == READING_CODED)
        finish_decoding(t);
    t->scalars[VARIABLE_RESPONSE_BODY] = b->in.kept;
    set_number(t, VARIABLE_RESPONSE_CONTENT_LENGTH, (size_t)b->received);
    return true;
}
