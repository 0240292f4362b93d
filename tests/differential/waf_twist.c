/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule engine with a plan against itself without one, as waf_plan.c has them, but over rule sets that are drawn to
 * trip the plan: each round draws a set, and messages made of what it looks for. A set that makes a difference is
 * printed without the rules that the difference does not need.
 *
 *   differential-waf-twist [--rounds N] [--seed S]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/differential/twist_rules.h"
#include "tests/differential/waf_harness.h"
#include "waf/engine/transaction.h"

#define MEMORY ((size_t)64 << 20)
#define MESSAGES 8 /* of a rule set */
#define DIFFERENCES_SHOWN 3
#define RULES_MAX ((size_t)1 << 20)

/* One rule set, run in both ways; the plan's, as from a cache, by the image of one that was compiled. */
struct pair {
    struct text text;
    struct harness harness;
    struct harness_engine compiled, planned, whole;
};

struct tally {
    size_t sets, refused, messages, unread, undecided, fired, different;
};

/* ---- rule sets */

static void pair_close(struct pair *p)
{
    harness_engine_close(&p->planned);
    harness_engine_close(&p->compiled);
    harness_engine_close(&p->whole);
    harness_close(&p->harness);
    text_free(&p->text);
}

#define PIECE 7 /* of bodies, for the engine from an image: what is said is not to depend on that either */

/* The directives of which `left_out` does not say that they are. False: they do not load. */
static bool pair_open(const struct twist_rules *rules, const bool *left_out, struct pair *p)
{
    *p = (struct pair){.text = text_new(RULES_MAX)};
    for (size_t i = 0; i < rules->count; i++)
        if (!left_out[i])
            text_append(&p->text, text_cstr(&rules->directives[i]), rules->directives[i].len);
    if (harness_open(text_cstr(&p->text), false, MEMORY, &p->harness) && harness_engine_open(&p->harness, true, &p->compiled) &&
        harness_engine_open_again(&p->harness, &p->compiled, &p->planned) && harness_engine_open(&p->harness, false, &p->whole)) {
        p->planned.piece = PIECE;
        return true;
    }
    pair_close(p);
    return false;
}

static bool loads_alone(const struct twist_rules *rules, size_t directive)
{
    bool left_out[TWIST_DIRECTIVES_MAX];
    struct pair p;
    for (size_t i = 0; i < rules->count; i++)
        left_out[i] = i != directive;
    bool ok = pair_open(rules, left_out, &p);
    if (ok)
        pair_close(&p);
    return ok;
}

/* Without the directives that are wrong by themselves. */
static bool pair_open_most(const struct twist_rules *rules, bool *left_out, struct pair *p)
{
    if (pair_open(rules, left_out, p))
        return true;
    for (size_t i = 0; i < rules->count; i++)
        left_out[i] = !loads_alone(rules, i);
    return pair_open(rules, left_out, p);
}

/* ---- outcomes */

/* Also what rules of a later phase would see; MATCHED_VARS is made when it is asked for. */
static void print_state(struct waf_transaction *t, struct text *out)
{
    (void)variables_first(t, VARIABLE_MATCHED_VARS, &(struct selection){.kind = SELECTOR_NONE, .number = NOTHING});
    if (!values_settle(&t->lists[VARIABLE_TX]))
        abort();
    print_values(out, "TX", t->lists[VARIABLE_TX].items, t->lists[VARIABLE_TX].count);
    print_values(out, "IP", t->lists[VARIABLE_IP].items, t->lists[VARIABLE_IP].count);
    print_values(out, "matched", t->lists[VARIABLE_MATCHED_VARS].items, t->lists[VARIABLE_MATCHED_VARS].count);
    print_bytes(out, "MATCHED_VAR", t->scalars[VARIABLE_MATCHED_VAR]);
    print_bytes(out, "MATCHED_VAR_NAME", t->scalars[VARIABLE_MATCHED_VAR_NAME]);
    text_printf(out, "\nengine %d, allowed %d, skip %lld, jumping %d, highest severity %d, removals %zu\n", t->engine, (int)t->allowed, (long long)t->skip, t->jumping, t->highest_severity, t->removals.count);
}

static bool is_undecided(const struct waf_outcome *outcome)
{
    bool undecided = false;
    for (size_t i = 0; i < outcome->limit_count; i++)
        undecided |= strstr(outcome->limits[i], "match limit") || strstr(outcome->limits[i], "could not be decided");
    return undecided;
}

static size_t inspect(struct harness_engine *e, const struct messages *m, struct text *out, bool *ret_undecided)
{
    struct arena *a = arena_create(MEMORY);
    struct waf_options o = harness_options();
    struct waf_transaction *t;
    const struct waf_outcome *outcome = harness_inspect(e, &o, m, a, &t);
    size_t fired = outcome->event_count;
    print_outcome(out, e->program.set, outcome);
    print_state(t, out);
    *ret_undecided |= is_undecided(outcome);
    arena_destroy(a);
    return fired;
}

/* ---- rounds */

/* `tally` and `loud`: when it counts, and when it is shown. An expression that comes to its limit in one way may be spared in the other: not compared. */
static bool is_same(struct pair *p, const struct exchange *x, struct tally *tally, bool loud)
{
    struct text planned = text_new(1 << 24), whole = text_new(1 << 24);
    struct arena *a = arena_create(MEMORY);
    struct messages m;
    bool undecided = false, equal = true;
    if (a && exchange_read(x, a, &m)) {
        tally->fired += inspect(&p->planned, &m, &planned, &undecided);
        inspect(&p->whole, &m, &whole, &undecided);
        equal = undecided || bytes_equal(bytes_of(planned.at, planned.len), bytes_of(whole.at, whole.len));
        tally->undecided += undecided;
        tally->messages++;
    } else {
        tally->unread++;
    }
    if (loud) {
        show("rules", &p->text);
        show("request", &x->request);
        show("response", &x->response);
        show("with a plan", &planned);
        show("rule by rule", &whole);
    }
    arena_destroy(a);
    text_free(&planned);
    text_free(&whole);
    return equal;
}

/* Leaves out what the difference does not need. */
static void reduce(const struct twist_rules *rules, bool *left_out, const struct exchange *x)
{
    struct tally ignored = {0};
    struct pair p;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = rules->count; i-- > 0;) {
            if (left_out[i])
                continue;
            left_out[i] = true;
            bool needed = true;
            if (pair_open(rules, left_out, &p)) {
                needed = is_same(&p, x, &ignored, false);
                pair_close(&p);
            }
            left_out[i] = !needed;
            again |= !needed;
        }
    }
    if (pair_open(rules, left_out, &p)) {
        is_same(&p, x, &ignored, true);
        pair_close(&p);
    }
}

static void round_run(uint64_t seed, struct tally *tally)
{
    struct random random = {seed};
    struct twist_rules rules;
    struct pair p;
    bool left_out[TWIST_DIRECTIVES_MAX] = {0};
    twist_rules_make(&random, &rules);
    if (pair_open_most(&rules, left_out, &p)) {
        bool equal = true;
        tally->sets++;
        for (int i = 0; i < MESSAGES && equal; i++) {
            struct exchange x = exchange_new();
            twist_request_make(&random, &rules, &x.request);
            twist_response_make(&random, &rules, &x.response);
            equal = is_same(&p, &x, tally, false);
            if (!equal && tally->different++ < DIFFERENCES_SHOWN) {
                printf("# --rounds 1 --seed %llu differs\n", (unsigned long long)seed);
                reduce(&rules, left_out, &x);
            }
            exchange_free(&x);
        }
        pair_close(&p);
    } else {
        tally->refused++;
    }
    twist_rules_free(&rules);
}

/* ---- what once made a difference */

#define BEHIND(id, expression) "SecRule ARGS \"@rx " expression "\" \"id:" #id ",phase:2,pass,t:urlDecodeUni\"\n"

static const struct story {
    const char *name, *rules;
} stories[] = {
    {"skip counts a rule that is removed", "SecAction \"id:1,phase:2,pass,nolog,skip:1\"\nSecRule ARGS \"@rx a\" \"id:2,phase:2,pass\"\n"
                                           "SecRule ARGS \"@rx a\" \"id:3,phase:2,pass\"\nSecRuleRemoveById 2\n"},
    {"what lets a phase by also jumps", "SecRuleEngine On\nSecAction \"id:1,phase:1,nolog,allow:phase,skipAfter:M\"\nSecRule ARGS \"@rx a\" \"id:2,phase:2,pass\"\nSecMarker M\n"},
    {"a rule that Hyperscan gives up on leaves its group's scan", "SecRule ARGS \"@rx ((x|y|z|w).{10}){100}|foo\" \"id:1,phase:2,pass\"\nSecRule ARGS \"@rx a\" \"id:2,phase:2,pass\"\n"},
    {"a class without capitals has what lowercase made", "SecRule ARGS \"@rx b[^A]\" \"id:1,phase:2,pass,t:lowercase\"\n"},
    {"a tag's RULE:id is its own rule's", "SecAction \"id:1,phase:2,pass,nolog,ctl:ruleRemoveByTag=2\"\nSecRule ARGS \"@rx nothing\" \"id:2,phase:2,pass\"\n"
                                         "SecRule ARGS \"@rx a\" \"id:3,phase:2,pass,tag:'%{rule.id}'\"\n"},
    {"a chain that has a database of its own finds what is behind it, and the others what is behind them",
        BEHIND(1, "'b[<c]") BEHIND(2, "'c[<c]") BEHIND(3, "'d[<c]") BEHIND(4, "'e[<c]") BEHIND(5, "'f[<c]") BEHIND(6, "'g[<c]") BEHIND(7, "'h[<c]")
        BEHIND(8, "'i[<c]") BEHIND(9, "'j[<c]") BEHIND(10, "'k[<c]") BEHIND(11, "'l[<c]") BEHIND(12, "'m[<c]") BEHIND(13, "'n[<c]")
        BEHIND(14, "'o[<c]") BEHIND(15, "'p[<c]") BEHIND(16, "'q[<c]") BEHIND(17, "'A[<c]")
        "SecRule ARGS \"@rx %27[A]\" \"id:18,phase:2,pass\"\nSecRule ARGS \"@rx 27a%3\" \"id:19,phase:2,pass,t:lowercase\"\n"
        "SecRule ARGS \"@rx '[A]\" \"id:20,phase:2,pass\"\n"},
};

/* Each fires a rule, and it is the same one. */
static bool story_run(const struct story *story, int number)
{
    struct twist_rules rules = {.count = 1};
    struct exchange x = exchange_new();
    struct tally tally = {0};
    struct pair p;
    bool left_out = false;
    rules.directives[0] = text_new(1 << 12);
    text_puts(&rules.directives[0], story->rules);
    text_puts(&x.request, "GET /?q=a&a=BA&s=%2527A%253c HTTP/1.1\r\nHost: a\r\n\r\n");
    text_puts(&x.response, "HTTP/1.1 200 OK\r\n\r\n");
    bool ok = pair_open(&rules, &left_out, &p);
    if (ok) {
        ok = is_same(&p, &x, &tally, false) && tally.fired;
        pair_close(&p);
    }
    printf("%s %d - %s\n", ok ? "ok" : "not ok", number, story->name);
    twist_rules_free(&rules);
    exchange_free(&x);
    return ok;
}

int main(int argc, char **argv)
{
    const int story_count = sizeof stories / sizeof stories[0];
    bool told = true;
    unsigned long rounds = 1000;
    uint64_t seed = (uint64_t)time(NULL);
    struct tally tally = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (int i = 0; i < story_count; i++)
        told = story_run(&stories[i], i + 1) && told;
    for (unsigned long i = 0; i < rounds; i++)
        round_run(seed + i, &tally);
    printf("# seed %llu: %zu rule sets (%zu more do not load), %zu messages (%zu not read, %zu came to a match limit), %zu rules fired, %zu sets differ\n", (unsigned long long)seed, tally.sets, tally.refused,
        tally.messages, tally.unread, tally.undecided, tally.fired, tally.different);
    bool same = tally.fired && !tally.different;
    printf("%s %d - with a plan the same is said of random rule sets\n1..%d\n", same ? "ok" : "not ok", story_count + 1, story_count + 1);
    return !(told && same);
}
