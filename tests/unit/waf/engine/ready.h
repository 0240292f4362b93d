/* SPDX-License-Identifier: Apache-2.0 */
/* Rules made ready to run, and whole messages through them: what tests with bodies of their own need. */
#pragma once

#include "base/text.h"
#include "tests/unit/base/check.h"
#include "tests/unit/waf/engine/own_program.h"
#include "tests/unit/waf/language/files.h"
#include "waf/engine/engine.h"

struct ready {
    struct arena *arena;
    struct test_file made[2];
    struct test_files files;
    struct sources sources;
    const struct waf_rule_set *set;
    struct waf_program program;
    struct waf_scratch scratch;
};

/* `disk`: the rules may include files. */
static inline void ready_open(const char *rules, bool disk, struct ready *r)
{
    const char *name = "rules.conf";
    *r = (struct ready){.arena = arena_create((size_t)256 << 20), .made = {{name, rules}}};
    r->files = (struct test_files){.made = r->made, .disk = disk};
    struct rule_files lent = test_files_lend(&r->files);
    if (!rules_load(&name, 1, &lent, r->arena, &r->sources, &r->set)) {
        struct text said = text_new(1 << 16);
        sources_print(&r->sources, false, &said);
        fail_msg("%s", text_cstr(&said));
    }
    own_program_compile(r->set, r->arena, &r->program);
    assert_true(scratch_create(&r->program, &r->scratch));
}

static inline void ready_close(struct ready *r)
{
    scratch_free(&r->scratch);
    own_program_free(&r->program);
    test_files_free(&r->files);
    arena_destroy(r->arena);
}

/* Two pieces in one buffer, as a message comes. */
static inline struct bytes joined(struct bytes head, struct bytes body)
{
    uint8_t *all = malloc(head.len + body.len + 1);
    assert_non_null(all);
    memcpy(all, head.at, head.len);
    if (body.len)
        memcpy(all + head.len, body.at, body.len);
    return bytes_of(all, head.len + body.len);
}

static inline bool has_limit(const struct waf_outcome *o, const char *part)
{
    for (size_t i = 0; i < o->limit_count; i++)
        if (strstr(o->limits[i], part))
            return true;
    return false;
}

static inline bool has_fired(const struct ready *r, const struct waf_outcome *o, long id)
{
    for (size_t i = 0; i < o->event_count; i++)
        if (r->set->rules[o->events[i].rule].id == id)
            return true;
    return false;
}
