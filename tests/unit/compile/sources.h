/* SPDX-License-Identifier: Apache-2.0 */
/* Policies from text, with what goes with them. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "../../differential/random_policy.h"
#include "../base/check.h"
#include "../policy/zones.h"
#include "compile/compile.h"
#include "policy/parse.h"

struct source {
    struct arena *arena;
    struct policy *policy;
    struct text text;
    uint32_t *links;
};

/* Parses and frees nothing: source_free does. Stops the test when the text is no policy. */
static inline struct source source_of(struct text text)
{
    struct source s = {.text = text};
    s.arena = arena_create(policy_memory_limit(text.len) * 4);
    struct diags diags = diags_new(s.arena);
    s.policy = policy_parse(bytes_of(text.at, text.len), 5, zones_made, s.arena, &diags);
    if (!s.policy)
        fail_msg("%s\n%.3000s", diags.count ? diags.items[0].message : "out of memory", text_cstr(&text));
    s.links = calloc(s.policy->workload_count + 1, sizeof *s.links);
    for (uint32_t i = 0; i < s.policy->workload_count; i++)
        s.links[i] = i % 5 == 4 ? 0 : 16 + i;
    return s;
}

static inline struct source source_random(uint64_t seed)
{
    struct random r = {seed};
    struct random_network n = random_network_draw(&r);
    struct text text = text_new(1 << 20);
    random_policy_print(&n, &r, &text);
    return source_of(text);
}

static inline void source_free(struct source *s)
{
    arena_destroy(s->arena);
    text_free(&s->text);
    free(s->links);
}

/* 2026-09-21T13:33:20Z */
#define COMPILED ((int64_t)1790000000)
#define TAI_OFFSET ((int64_t)37000000000)

static inline struct compile_options options_of(const struct source *s, uint64_t seed)
{
    return (struct compile_options){.compiled = COMPILED, .tai_offset_ns = TAI_OFFSET, .seed = seed, .links = s->links};
}
