/* SPDX-License-Identifier: Apache-2.0 */
/* Requests one after another through the same rules, each at a time of its own, and what is said of each. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/waf/engine/ready.h"
#include "waf/store/memory.h"

#define STORY_MEMORY ((size_t)64 << 20)
#define GET_OF(who) "GET /?who=" who " HTTP/1.1\r\nHost: h\r\n\r\n"

struct story {
    struct ready ready;
    struct memory_store *memory;
    struct waf_store store;
    struct waf_options options; /* of the requests to come */
    bool shows_matched;         /* what is said of an event ends with its matches */
    bool shows_environment;
};

static inline void story_begin(struct story *s, const char *rules)
{
    struct memory_store_limits limits = {100, 100000, 20, 2000, {1, 2}};
    *s = (struct story){.memory = memory_store_create(&limits)};
    assert_non_null(s->memory);
    s->store = memory_store_lend(s->memory);
    s->options = (struct waf_options){.client = bytes_of_text("192.0.2.9"), .server = bytes_of_text("192.0.2.1"), .time = 1000, .store = &s->store};
    ready_open(rules, false, &s->ready);
}

static inline void story_end(struct story *s)
{
    ready_close(&s->ready);
    memory_store_destroy(s->memory);
}

/* "decision; id msg [data]; ...; limit: ..." */
static inline void story_describe(const struct story *s, const struct waf_outcome *o, struct text *out)
{
    static const char *const names[] = {"pass", "deny", "drop", "redirect", "allow"};
    text_puts(out, names[o->decision]);
    for (size_t i = 0; i < o->event_count; i++) {
        const struct waf_event *e = &o->events[i];
        text_printf(out, "; %lld", (long long)s->ready.set->rules[e->rule].id);
        if (e->msg.len)
            text_printf(out, " %.*s", (int)e->msg.len, (const char *)e->msg.at);
        if (e->data.len)
            text_printf(out, " [%.*s]", (int)e->data.len, (const char *)e->data.at);
        for (size_t k = 0; s->shows_matched && k < e->tag_count; k++)
            text_printf(out, " #%.*s", (int)e->tags[k].len, (const char *)e->tags[k].at);
        for (size_t k = 0; s->shows_matched && k < e->matched_count; k++)
            text_printf(out, " %.*s=%.*s", (int)e->matched[k].variable.len, (const char *)e->matched[k].variable.at, (int)e->matched[k].value.len,
                (const char *)e->matched[k].value.at);
    }
    for (size_t i = 0; s->shows_environment && i < o->environment_count; i++)
        text_printf(out, o->environment[i].value.at ? "; %.*s=%.*s" : "; no %.*s", (int)o->environment[i].name.len, (const char *)o->environment[i].name.at,
            (int)o->environment[i].value.len, (const char *)o->environment[i].value.at);
    for (size_t i = 0; i < o->limit_count; i++)
        text_printf(out, "; limit: %s", o->limits[i]);
}

/* One request at `time`; what is said of it must be `expected`. */
static inline void story_tell(struct story *s, int64_t time, const char *request, const char *expected)
{
    struct arena *a = arena_create(STORY_MEMORY);
    struct http_message m;
    const char *error;
    struct text said = text_new(1 << 16);
    s->options.time = time;
    assert_true(http_request_read(bytes_of_text(request), a, &m, &error));
    struct waf_transaction *t = transaction_begin(&s->ready.program, a, &s->options);
    assert_non_null(t);
    transaction_request(t, &s->ready.scratch, &m);
    story_describe(s, transaction_end(t, &s->ready.scratch), &said);
    assert_string_equal(text_cstr(&said), expected);
    text_free(&said);
    arena_destroy(a);
}
