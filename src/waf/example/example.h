/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that fires a rule: made from what the rule looks for, and shown only once the engine has fired the rule on
 * it. The same rules, settings and seed give the same message. It looks for a while, not for ever: that none was found
 * does not say that there is none.
 */
#pragma once

#include "waf/engine/engine.h"
#include "waf/example/settings.h"

/* Messages that the engine is run on for one rule. */
#define EXAMPLE_RUNS_MAX 400

struct example {
    bool found;
    const char *why_not;              /* in words, when it was not found */
    struct bytes request, response;   /* raw; the latter empty: the request does it alone */
    struct bytes client;              /* the address that it comes from */
    struct bytes variable;            /* NAME:KEY in which the rule matched first; empty: none */
    enum waf_decision decision;       /* on the whole message */
    int status;
    int64_t *also;                    /* ids of the other rules that fired and log, in order */
    size_t also_count;
    unsigned runs;
};

struct example_search {
    const struct waf_program *program;
    struct waf_scratch *scratch;
    const struct settings *settings;  /* what the program's rules have been given to start with; NULL: nothing */
    const struct waf_options *options; /* of the engine; `client` unless the rule asks for another */
    uint64_t seed;
};

/* `rule`: the index of the first of its chain. All in the arena, which also bounds the search's memory. False when memory is out. */
bool example_find(const struct example_search *s, uint32_t rule, struct arena *a, struct example *ret) MUST_USE;
