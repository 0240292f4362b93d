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
#include "tests/unit/waf/language/files.h"
#include "waf/engine/transaction.h"

#define MEMORY ((size_t)64 << 20)
#define MESSAGES 8 /* of a rule set */
#define DIFFERENCES_SHOWN 3
#define RULES_MAX ((size_t)1 << 20)

struct engine {
    struct waf_program program;
    struct waf_scratch scratch;
};

/* One rule set, run in both ways. */
struct pair {
    struct arena *arena;
    struct text text;
    struct test_file made[2];
    struct test_files files;
    struct sources sources;
    const struct waf_rule_set *set;
    struct engine planned, whole;
};

/* Raw messages, as they are sent. */
struct exchange {
    struct text request, response;
};

struct tally {
    size_t sets, refused, messages, unread, undecided, fired, different;
};

/* ---- rule sets */

static bool engine_open(struct pair *p, bool plan, struct engine *e)
{
    struct program_errors errors;
    return program_compile(p->set, p->arena, &e->program, &errors) && (!plan || program_plan(&e->program, p->arena)) && scratch_create(&e->program, &e->scratch);
}

static void pair_close(struct pair *p)
{
    scratch_free(&p->planned.scratch);
    scratch_free(&p->whole.scratch);
    program_free(&p->planned.program);
    program_free(&p->whole.program);
    arena_destroy(p->arena);
    text_free(&p->text);
}

/* The directives of which `left_out` does not say that they are. False: they do not load. */
static bool pair_open(const struct twist_rules *rules, const bool *left_out, struct pair *p)
{
    const char *name = "rules.conf";
    *p = (struct pair){.arena = arena_create(MEMORY), .text = text_new(RULES_MAX)};
    for (size_t i = 0; i < rules->count; i++)
        if (!left_out[i])
            text_append(&p->text, text_cstr(&rules->directives[i]), rules->directives[i].len);
    p->made[0] = (struct test_file){name, text_cstr(&p->text)};
    p->files = (struct test_files){.made = p->made};
    struct rule_files files = test_files_lend(&p->files);
    if (p->arena && rules_load(&name, 1, &files, p->arena, &p->sources, &p->set) && engine_open(p, true, &p->planned) && engine_open(p, false, &p->whole))
        return true;
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

static void print_bytes(struct text *out, const char *what, struct bytes b)
{
    text_printf(out, " %s<", what);
    if (b.len)
        text_append(out, b.at, b.len);
    text_puts(out, ">");
}

static void print_event(const struct waf_rule_set *set, const struct waf_event *e, struct text *out)
{
    text_printf(out, "%lld severity %d", (long long)set->rules[e->rule].id, e->severity);
    print_bytes(out, "msg", e->msg);
    print_bytes(out, "data", e->data);
    for (size_t i = 0; i < e->tag_count; i++)
        print_bytes(out, "tag", e->tags[i]);
    for (size_t i = 0; i < e->matched_count; i++) {
        print_bytes(out, "matched", e->matched[i].variable);
        print_bytes(out, "is", e->matched[i].value);
        text_printf(out, " at %zu, %zu", e->matched[i].offset, e->matched[i].length);
    }
    text_puts(out, "\n");
}

static void print_list(const char *what, const struct waf_value *items, size_t count, struct text *out)
{
    for (size_t i = 0; i < count; i++) {
        text_puts(out, what);
        print_bytes(out, "name", items[i].name);
        print_bytes(out, "value", items[i].value);
        text_puts(out, "\n");
    }
}

/* Also what rules of a later phase would see. */
static void print_state(const struct waf_transaction *t, struct text *out)
{
    print_list("TX", t->lists[VARIABLE_TX].items, t->lists[VARIABLE_TX].count, out);
    print_list("IP", t->lists[VARIABLE_IP].items, t->lists[VARIABLE_IP].count, out);
    print_list("matched", t->lists[VARIABLE_MATCHED_VARS].items, t->lists[VARIABLE_MATCHED_VARS].count, out);
    print_bytes(out, "MATCHED_VAR", t->scalars[VARIABLE_MATCHED_VAR]);
    print_bytes(out, "MATCHED_VAR_NAME", t->scalars[VARIABLE_MATCHED_VAR_NAME]);
    text_printf(out, "\nengine %d, allowed %d, skip %lld, jumping %d, highest severity %d, removals %zu\n", t->engine, (int)t->allowed, (long long)t->skip, t->jumping, t->highest_severity, t->removals.count);
}

static void print_outcome(const struct waf_transaction *t, const struct waf_outcome *outcome, struct text *out, bool *ret_undecided)
{
    text_printf(out, "decision %d, status %d, phase %d", outcome->decision, outcome->status, outcome->phase);
    print_bytes(out, "to", outcome->redirect);
    text_puts(out, "\n");
    for (size_t i = 0; i < outcome->event_count; i++)
        print_event(t->set, &outcome->events[i], out);
    print_list("environment", outcome->environment, outcome->environment_count, out);
    for (size_t i = 0; i < outcome->limit_count; i++) {
        text_printf(out, "limit: %s\n", outcome->limits[i]);
        *ret_undecided |= strstr(outcome->limits[i], "match limit") != NULL;
    }
    print_state(t, out);
}

static void inspect(struct engine *e, const struct http_message *request, const struct http_message *response, struct text *out, size_t *fired, bool *ret_undecided)
{
    struct arena *a = arena_create(MEMORY);
    struct waf_options o = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("x"), .time = 1790000000};
    struct waf_transaction *t = a ? transaction_begin(&e->program, &e->scratch, a, &o) : NULL;
    if (!t)
        abort();
    transaction_request(t, request);
    transaction_response(t, response);
    const struct waf_outcome *outcome = transaction_end(t);
    print_outcome(t, outcome, out, ret_undecided);
    *fired += outcome->event_count;
    arena_destroy(a);
}

/* ---- rounds */

static void show(const char *who, const struct text *t)
{
    printf("# %s:\n#   ", who);
    for (size_t i = 0; i < t->len; i++) {
        uint8_t c = (uint8_t)t->at[i];
        if (c == '\n')
            printf("\n#   ");
        else if (c < ' ' || c > '~')
            printf("{%02x}", c);
        else
            putchar(c);
    }
    printf("\n");
}

/* `tally` and `loud`: when it counts, and when it is shown. An expression that comes to its limit in one way may be spared in the other: not compared. */
static bool is_same(struct pair *p, const struct exchange *x, struct tally *tally, bool loud)
{
    struct text planned = text_new(1 << 24), whole = text_new(1 << 24);
    struct arena *a = arena_create(MEMORY);
    struct http_message request, response;
    const char *error;
    size_t ignored = 0;
    bool undecided = false, equal = true;
    if (a && http_request_read(bytes_of(x->request.at, x->request.len), a, &request, &error) && http_response_read(bytes_of(x->response.at, x->response.len), a, &response, &error)) {
        inspect(&p->planned, &request, &response, &planned, &tally->fired, &undecided);
        inspect(&p->whole, &request, &response, &whole, &ignored, &undecided);
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
            struct exchange x = {text_new(1 << 18), text_new(1 << 18)};
            twist_request_make(&random, &rules, &x.request);
            twist_response_make(&random, &rules, &x.response);
            equal = is_same(&p, &x, tally, false);
            if (!equal && tally->different++ < DIFFERENCES_SHOWN) {
                printf("# --rounds 1 --seed %llu differs\n", (unsigned long long)seed);
                reduce(&rules, left_out, &x);
            }
            text_free(&x.request);
            text_free(&x.response);
        }
        pair_close(&p);
    } else {
        tally->refused++;
    }
    twist_rules_free(&rules);
}

/* ---- what once made a difference */

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
};

/* Each fires a rule, and it is the same one. */
static bool story_run(const struct story *story, int number)
{
    struct twist_rules rules = {.count = 1};
    struct exchange x = {text_new(1 << 10), text_new(1 << 10)};
    struct tally tally = {0};
    struct pair p;
    bool left_out = false;
    rules.directives[0] = text_new(1 << 12);
    text_puts(&rules.directives[0], story->rules);
    text_puts(&x.request, "GET /?q=a&a=BA HTTP/1.1\r\nHost: a\r\n\r\n");
    text_puts(&x.response, "HTTP/1.1 200 OK\r\n\r\n");
    bool ok = pair_open(&rules, &left_out, &p);
    if (ok) {
        ok = is_same(&p, &x, &tally, false) && tally.fired;
        pair_close(&p);
    }
    printf("%s %d - %s\n", ok ? "ok" : "not ok", number, story->name);
    twist_rules_free(&rules);
    text_free(&x.request);
    text_free(&x.response);
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
