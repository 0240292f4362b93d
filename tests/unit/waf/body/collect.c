/* SPDX-License-Identifier: Apache-2.0 */
#include "collect.h"

#include <stdlib.h>

#include "check.h"

#define CEILING ((size_t)1 << 30)

static const char *const kinds[] = {
    [BODY_ARGUMENT] = "arg", [BODY_FILE] = "file", [BODY_PART_HEADER] = "header", [BODY_MULTIPART_NAME] = "name",
    [BODY_MULTIPART_FILENAME] = "filename", [BODY_XML_CONTENT] = "content", [BODY_XML_ATTRIBUTE] = "attribute",
    [BODY_FLAG] = "flag", [BODY_LIMIT] = "limit", [BODY_ERROR] = "error",
};

bool collect_event(void *context, const struct body_event *e)
{
    struct collected *c = context;
    if (++c->events == c->refuse_at)
        return false;
    c->arguments += e->kind == BODY_ARGUMENT;
    if (c->quiet)
        return true;
    text_printf(&c->text, "%s ", kinds[e->kind]);
    if (e->kind == BODY_FLAG)
        text_printf(&c->text, "%s %zu\n", body_flag_variable(e->flag), e->number);
    else if (e->kind == BODY_LIMIT)
        text_printf(&c->text, "%d %zu\n", (int)e->limit, e->number);
    else {
        text_append(&c->text, e->name.at, e->name.len);
        text_puts(&c->text, "=");
        text_append(&c->text, e->value.at, e->value.len);
        if (e->kind == BODY_FILE)
            text_printf(&c->text, " %zu", e->number);
        text_puts(&c->text, "\n");
    }
    return true;
}

static void run(struct collected *c, enum body_kind kind, const char *content_type, const struct body_limits *limits,
                struct bytes body, size_t piece, uint64_t fail_at)
{
    struct arena *arena = arena_create(CEILING);
    assert_non_null(arena);
    arena_fail_at(arena, fail_at);
    struct body *b = body_begin(kind, bytes_of_text(content_type), limits,
                                (struct body_sink){.take = collect_event, .context = c}, arena);
    c->status = BODY_STOPPED;
    for (size_t at = 0; b && at < body.len; at += piece ? piece : body.len) {
        struct bytes part = bytes_slice(body, at, piece ? piece : body.len);
        uint8_t *copy = malloc(part.len); /* gone after the call, and of its own size: the sanitizer sees both */
        assert_non_null(copy);
        memcpy(copy, part.at, part.len);
        c->status = body_feed(b, bytes_of(copy, part.len));
        free(copy);
    }
    if (b)
        c->status = body_end(b);
    body_release(b);
    arena_destroy(arena);
}

struct collected collect(enum body_kind kind, const char *content_type, const struct body_limits *limits,
                         struct bytes body, size_t piece, uint64_t fail_at)
{
    struct collected c = {.text = text_new(CEILING)};
    run(&c, kind, content_type, limits, body, piece, fail_at);
    return c;
}

void must_give(enum body_kind kind, const char *content_type, const struct body_limits *limits, struct bytes body,
               const char *want)
{
    static const struct body_limits none = {0};
    for (size_t piece = 0; piece < 10 || piece < body.len; piece += piece < 10 ? 1 : 97) {
        struct collected c = collect(kind, content_type, limits ? limits : &none, body, piece, 0);
        assert_string_equal(text_cstr(&c.text), want);
        assert_true(c.status != BODY_STOPPED);
        assert_int_equal(c.status == BODY_BROKEN, strstr(want, "error ") != NULL);
        text_free(&c.text);
    }
}

void must_survive(enum body_kind kind, const char *content_type, struct bytes body)
{
    static const struct body_limits none = {0};
    for (size_t len = 0; len <= body.len; len++) {
        struct collected whole = collect(kind, content_type, &none, bytes_slice(body, 0, len), 0, 0);
        struct collected bytewise = collect(kind, content_type, &none, bytes_slice(body, 0, len), 1, 0);
        assert_true(whole.status != BODY_STOPPED);
        assert_string_equal(text_cstr(&whole.text), text_cstr(&bytewise.text));
        text_free(&whole.text);
        text_free(&bytewise.text);
    }
    struct collected c = {0};
    uint64_t fail_at = 0;
    do { /* until so late that none is left to fail */
        text_free(&c.text);
        c = collect(kind, content_type, &none, body, 3, ++fail_at);
    } while (c.status == BODY_STOPPED);
    assert_true(fail_at > 1);
    size_t events = c.events;
    text_free(&c.text);
    for (size_t n = 1; n <= events; n++) {
        c = (struct collected){.text = text_new(CEILING), .refuse_at = n};
        run(&c, kind, content_type, &none, body, 0, 0);
        assert_int_equal(c.status, BODY_STOPPED);
        assert_int_equal(c.events, n);
        text_free(&c.text);
    }
}
