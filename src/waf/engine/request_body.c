/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's body as it arrives. A parser reads along; what it finds becomes variables once the body is whole, because
 * a limit that is passed on the way may mean that nothing of it is looked at.
 */
#include "waf/engine/transaction.h"

/* ---- what is wanted of it */

static bool is_let_by(const struct waf_transaction *t)
{
    return t->allowed == ALLOWED_ALL || t->allowed == ALLOWED_REQUEST;
}

bool request_body_is_read(const struct waf_transaction *t)
{
    return t->request_access == SWITCH_ON && !is_let_by(t);
}

/* Found by a parser that reads along; urlencoded pairs are split when all are there. */
static bool is_structured(const struct waf_transaction *t)
{
    return t->parsed && t->body != BODY_URLENCODED;
}

/* Of XML the parts are looked at (the reference manual: REQUEST_BODY is there when the body is urlencoded, or forced);
 * libmodsecurity fills it for XML alone of those that it parses otherwise, and rules for text alarm on the markup. */
static bool has_body_variable(const struct waf_transaction *t)
{
    return !t->parsed || t->body != BODY_XML || t->force_body_variable;
}

/* Is the text of it looked at, besides what a parser finds? */
static bool is_kept(const struct waf_transaction *t)
{
    const struct named_variables *named = &t->program->named;
    return (t->parsed && t->body == BODY_URLENCODED) || variable_is_named(named, VARIABLE_FULL_REQUEST) ||
        (variable_is_named(named, VARIABLE_REQUEST_BODY) && has_body_variable(t));
}

/* ---- the parser */

static bool remember_event(void *transaction, const struct body_event *e)
{
    struct waf_transaction *t = transaction;
    struct request_body *b = &t->request;
    struct body_event *grown = arena_grow(t->arena, b->events, b->event_count, &b->event_capacity, sizeof *grown);
    if (!grown)
        return false;
    b->events = grown;
    grown[b->event_count++] = *e;
    return true;
}

/* False when memory is out. */
static bool parse_piece(struct waf_transaction *t, struct bytes piece)
{
    struct request_body *b = &t->request;
    if (!b->parser) {
        const struct waf_value *type = values_find(&t->lists[VARIABLE_REQUEST_HEADERS], bytes_of_text("Content-Type"));
        struct body_limits limits = body_limits_of(t);
        b->parser = body_begin(t->body, type ? type->value : (struct bytes){0}, &limits, (struct body_sink){remember_event, t}, t->arena);
    }
    return b->parser && body_feed(b->parser, piece) != BODY_STOPPED;
}

void request_body_release(struct waf_transaction *t)
{
    body_release(t->request.parser);
    t->request.parser = NULL;
}

static void finish_parser(struct waf_transaction *t)
{
    struct request_body *b = &t->request;
    if (need(t, parse_piece(t, (struct bytes){0})))
        (void)need(t, body_end(b->parser) != BODY_STOPPED);
    request_body_release(t);
    for (size_t i = 0; i < b->event_count && !t->out_of_memory; i++)
        (void)need(t, take_body_event(t, VARIABLE_ARGS_POST, &b->events[i]));
}

/* ---- pieces */

/* Cuts the piece to what the limit lets through. False: nothing is looked at. */
static bool bound_piece(struct waf_transaction *t, struct bytes *piece)
{
    struct request_body *b = &t->request;
    uint64_t limit = t->set->settings.request_body_limit;
    if (!limit || piece->len <= limit - b->received)
        return true;
    *piece = bytes_slice(*piece, 0, (size_t)(limit - b->received));
    b->passed = true;
    if (body_passed(t, 2, "the body is larger than its limit", "the body is larger than its limit; what lies behind it was not inspected"))
        return true;
    request_body_release(t);
    *b = (struct request_body){.passed = true, .headers = b->headers, .header_count = b->header_count};
    return false;
}

void request_body_take(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    struct request_body *b = &t->request;
    if (!piece.len || b->passed || !bound_piece(t, &piece))
        return;
    b->received += piece.len;
    if (!request_body_is_read(t))
        return;
    if (is_kept(t) && !need(t, incoming_keep(&b->in, piece, lasts, t->arena)))
        return;
    if (is_structured(t))
        (void)need(t, parse_piece(t, piece));
}

/* ---- its end */

static bool is_too_long(struct waf_transaction *t)
{
    uint64_t limit = t->set->settings.request_body_no_files_limit;
    if (t->body == BODY_MULTIPART || !limit || t->request.received <= limit)
        return false;
    set_text(t, VARIABLE_REQBODY_ERROR, "1");
    set_text(t, VARIABLE_REQBODY_ERROR_MSG, "Request body excluding files is bigger than the maximum expected.");
    set_text(t, VARIABLE_INBOUND_DATA_ERROR, "1");
    limit_passed(t, "the body is larger than SecRequestBodyNoFilesLimit; its parts were not inspected");
    request_body_release(t);
    return true;
}

static void take_parts(struct waf_transaction *t)
{
    if (!t->parsed || is_too_long(t))
        return;
    if (is_structured(t))
        finish_parser(t);
    else
        add_arguments(t, VARIABLE_ARGS_POST, t->request.in.kept);
}

static size_t full_length(const struct waf_transaction *t)
{
    size_t len = 2 + (size_t)t->request.received;
    for (size_t i = 0; i < t->request.header_count; i++)
        len += t->request.headers[i].name.len + 2 + t->request.headers[i].value.len + 1;
    return len;
}

static uint8_t *put(uint8_t *at, struct bytes b)
{
    return b.len ? mempcpy(at, b.at, b.len) : at;
}

static void set_full_request(struct waf_transaction *t)
{
    const struct request_body *b = &t->request;
    size_t len = full_length(t);
    set_number(t, VARIABLE_FULL_REQUEST_LENGTH, len);
    if (!variable_is_named(&t->program->named, VARIABLE_FULL_REQUEST))
        return;
    uint8_t *whole = arena_alloc(t->arena, len), *at = whole;
    if (!need(t, whole != NULL))
        return;
    for (size_t i = 0; i < b->header_count; i++) {
        at = put(at, b->headers[i].name);
        at = put(at, bytes_of_text(": "));
        at = put(at, b->headers[i].value);
        at = put(at, bytes_of_text("\n"));
    }
    at = put(at, bytes_of_text("\n\n"));
    (void)put(at, b->in.kept);
    t->scalars[VARIABLE_FULL_REQUEST] = bytes_of(whole, len);
}

/* Compressed bytes are looked at as they are, as libmodsecurity does, and it is said. */
static void note_coding(struct waf_transaction *t)
{
    const struct waf_value *coding = values_find(&t->lists[VARIABLE_REQUEST_HEADERS], bytes_of_text("Content-Encoding"));
    if (coding && !names_equal(coding->value, bytes_of_text("identity")))
        limit_passed(t, "the request's body is compressed: it was inspected as it is");
}

void request_body_finish(struct waf_transaction *t)
{
    struct request_body *b = &t->request;
    if (is_let_by(t))
        return;
    if (!request_body_is_read(t)) {
        if (b->received || b->passed)
            limit_passed(t, "SecRequestBodyAccess is off: the request's body was not inspected");
        b->received = 0;
    } else {
        if (b->received)
            note_coding(t);
        take_parts(t);
    }
    set_full_request(t);
    if (has_body_variable(t))
        t->scalars[VARIABLE_REQUEST_BODY] = b->in.kept;
    if (b->received)
        set_number(t, VARIABLE_REQUEST_BODY_LENGTH, (size_t)b->received);
}
