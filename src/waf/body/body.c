/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/body.h"

#include "waf/body/gather.h"
#include "waf/body/json.h"
#include "waf/body/multipart.h"
#include "waf/body/report.h"
#include "waf/body/urlencoded.h"
#include "waf/body/xml.h"

struct body {
    struct report report;
    enum body_kind kind;
    struct gather gather;
    struct growing whole; /* an urlencoded body */
    struct multipart *multipart;
    struct json *json;
    struct xml *xml;
};

bool report_no_memory(struct report *r)
{
    r->status = BODY_STOPPED;
    return false;
}

bool report_event(struct report *r, const struct body_event *event)
{
    if (r->status == BODY_STOPPED)
        return false;
    if (!r->sink.take(r->sink.context, event))
        r->status = BODY_STOPPED;
    return r->status != BODY_STOPPED;
}

bool report_flag(struct report *r, enum body_flag flag, size_t value)
{
    return value == 0 || report_event(r, &(struct body_event){.kind = BODY_FLAG, .flag = flag, .number = value});
}

bool report_limit(struct report *r, enum body_limit limit, size_t bound)
{
    if (r->passed[limit])
        return true;
    r->passed[limit] = true;
    return report_event(r, &(struct body_event){.kind = BODY_LIMIT, .limit = limit, .number = bound});
}

bool report_error(struct report *r, struct bytes text)
{
    if (r->status == BODY_MORE)
        r->status = BODY_BROKEN;
    return report_event(r, &(struct body_event){.kind = BODY_ERROR, .value = text});
}

bool report_argument(struct report *r, enum body_event_kind kind, struct bytes name, struct bytes value)
{
    size_t bytes;
    if (r->limits.arguments && r->arguments >= r->limits.arguments) {
        (void)!report_limit(r, BODY_LIMIT_ARGUMENTS, r->limits.arguments);
        return false;
    }
    if (__builtin_add_overflow(r->argument_bytes, name.len, &bytes) || __builtin_add_overflow(bytes, value.len, &bytes) ||
        (r->limits.argument_bytes && bytes > r->limits.argument_bytes)) {
        if (report_limit(r, BODY_LIMIT_ARGUMENT_BYTES, r->limits.argument_bytes))
            r->status = BODY_BROKEN;
        return false;
    }
    r->arguments++;
    r->argument_bytes = bytes;
    return report_event(r, &(struct body_event){.kind = kind, .name = name, .value = value});
}

bool report_copy(struct report *r, struct bytes from, struct bytes *ret)
{
    uint8_t *copy = arena_buffer(r->arena, from.len);
    if (!copy)
        return report_no_memory(r);
    if (from.len)
        memcpy(copy, from.at, from.len);
    *ret = bytes_of(copy, from.len);
    return true;
}

bool growing_append(struct report *r, struct growing *g, struct bytes more)
{
    size_t need;
    if (more.len == 0)
        return true;
    if (__builtin_add_overflow(g->len, more.len, &need))
        return report_no_memory(r);
    if (need > g->capacity) {
        size_t capacity = g->capacity > SIZE_MAX / 2 ? SIZE_MAX : g->capacity * 2;
        if (capacity < need)
            capacity = need;
        uint8_t *at = arena_buffer(r->arena, capacity);
        if (!at && capacity > need) /* twice is too much, but this once may fit */
            at = arena_buffer(r->arena, capacity = need);
        if (!at)
            return report_no_memory(r);
        if (g->len)
            memcpy(at, g->at, g->len);
        g->at = at;
        g->capacity = capacity;
    }
    memcpy(g->at + g->len, more.at, more.len);
    g->len = need;
    return true;
}

static bool parser_begin(struct body *b, struct bytes content_type)
{
    switch (b->kind) {
    case BODY_MULTIPART:
        b->multipart = multipart_begin(&b->report, content_type);
        return b->multipart != NULL;
    case BODY_JSON:
        b->json = json_begin(&b->report);
        return b->json != NULL;
    case BODY_XML:
        b->xml = xml_begin(&b->report);
        return b->xml != NULL;
    case BODY_URLENCODED:
        break;
    }
    return true;
}

struct body *body_begin(enum body_kind kind, struct bytes content_type, const struct body_limits *limits,
                        struct body_sink sink, struct arena *arena)
{
    struct body *b = arena_alloc(arena, sizeof *b);
    if (!b)
        return NULL;
    b->kind = kind;
    b->report = (struct report){.sink = sink, .limits = *limits, .arena = arena, .status = BODY_MORE};
    return parser_begin(b, content_type) ? b : NULL;
}

/* A block for a parser that reads what it does not understand yet again with every block. */
static void give_block(struct body *b, struct bytes block)
{
    if (b->report.status != BODY_MORE || block.len == 0)
        return;
    if (b->kind == BODY_JSON)
        json_feed(b->json, block);
    else
        xml_feed(b->xml, block);
}

enum body_status body_feed(struct body *b, struct bytes more)
{
    struct report *r = &b->report;
    if (r->status != BODY_MORE || more.len == 0)
        return r->status;
    if (__builtin_add_overflow(r->received, more.len, &r->received)) {
        report_no_memory(r);
        return r->status;
    }
    if (b->kind == BODY_MULTIPART) {
        multipart_feed(b->multipart, more);
        return r->status;
    }
    if (r->limits.no_files && r->received > r->limits.no_files) {
        if (report_limit(r, BODY_LIMIT_NO_FILES, r->limits.no_files))
            r->status = BODY_BROKEN;
        return r->status;
    }
    if (b->kind == BODY_URLENCODED) {
        (void)!growing_append(r, &b->whole, more);
        return r->status;
    }
    struct bytes block;
    if (gather_add(r, &b->gather, more, &block))
        give_block(b, block);
    return r->status;
}

enum body_status body_end(struct body *b)
{
    struct report *r = &b->report;
    if (r->status == BODY_STOPPED)
        return r->status;
    bool too_long = r->passed[BODY_LIMIT_NO_FILES];
    switch (b->kind) {
    case BODY_URLENCODED:
        if (!too_long)
            urlencoded_report(r, growing_bytes(&b->whole));
        break;
    case BODY_MULTIPART:
        multipart_end(b->multipart);
        break;
    case BODY_JSON:
        give_block(b, gather_rest(&b->gather));
        if (!too_long && r->status != BODY_STOPPED)
            json_end(b->json);
        break;
    case BODY_XML:
        give_block(b, gather_rest(&b->gather));
        if (!too_long && r->status != BODY_STOPPED)
            xml_end(b->xml);
        break;
    }
    return r->status;
}

void body_release(struct body *b)
{
    if (b && b->xml)
        xml_release(b->xml);
}

const char *body_flag_variable(enum body_flag flag)
{
    static const char *const names[] = {
#define X(name, variable) [BODY_FLAG_##name] = variable,
        BODY_FLAGS(X)
#undef X
    };
    return names[flag];
}
