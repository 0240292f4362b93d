/* SPDX-License-Identifier: Apache-2.0 */
/* Every word has words; which rules protect beside another; memory that runs out is said, wherever it does. */
#include "tests/unit/base/check.h"

#include <string.h>

#include "base/text.h"
#include "tests/unit/waf/engine/own_program.h"
#include "tests/unit/waf/language/files.h"
#include "waf/example/example.h"
#include "waf/explain/explain.h"
#include "waf/explain/guards.h"
#include "waf/explain/words.h"

#define MEMORY ((size_t)256 << 20)

static const char rules[] =
    "SecRuleEngine On\n"
    "SecAction \"id:1,phase:1,nolog,pass,setvar:tx.level=1,setvar:tx.heavy=5\"\n"
    "SecRule TX:level \"@lt 2\" \"id:2,phase:2,pass,nolog,skipAfter:END\"\n"
    "SecRule ARGS|!ARGS:note \"@rx (?i)union\\s+select\" \"id:3,phase:2,deny,msg:'sql %{TX.0}',tag:'attack-sqli',tag:'attack-rce',setvar:tx.score=+%{tx.heavy},chain\"\n"
    "SecRule MATCHED_VAR \"@pm one two\" \"t:lowercase\"\n"
    "SecMarker END\n"
    "SecRule ARGS:a|ARGS:/^b/ \"@detectSQLi\" \"id:4,phase:2,deny,tag:'attack-sqli'\"\n"
    "SecRule ARGS_NAMES \"@rx x\" \"id:5,phase:2,deny,tag:'attack-sqli'\"\n"
    "SecRule TX:score \"@ge 5\" \"id:6,phase:2,deny\"\n"
    "SecRule ARGS \"@rx y\" \"id:7,phase:2,deny,tag:'attack-sqli'\"\n"
    "SecRuleRemoveById 7\n"
    "SecRuleUpdateTargetById 3 \"!ARGS:c\"\n";

struct bench {
    struct arena *arena;
    const struct waf_rule_set *set;
    struct waf_program program;
    struct waf_scratch scratch;
};

static void bench_open(struct bench *b)
{
    const char *name = "rules.conf";
    struct test_file made[2] = {{name, rules}};
    struct test_files files = {.made = made};
    struct rule_files lent = test_files_lend(&files);
    struct sources sources;
    b->arena = arena_create(MEMORY);
    assert_true(rules_load(&name, 1, &lent, b->arena, &sources, &b->set));
    own_program_compile(b->set, b->arena, &b->program);
    assert_true(scratch_create(&b->program, &b->scratch));
}

static void bench_close(struct bench *b)
{
    scratch_free(&b->scratch);
    own_program_free(&b->program);
    arena_destroy(b->arena);
}

static uint32_t rule(const struct bench *b, int64_t id)
{
    for (uint32_t i = 0; i < b->set->rule_count; i++)
        if (b->set->rules[i].id == id)
            return i;
    fail_msg("no rule %lld", (long long)id);
    return NOTHING;
}

static void every_operator_and_transformation_has_words(void **state)
{
    for (uint8_t i = 0; i < OPERATOR_COUNT; i++) {
        assert_non_null(operator_in_words(i, false));
        assert_non_null(operator_in_words(i, true));
    }
    for (uint8_t i = 0; i < TRANSFORMATION_COUNT; i++)
        if (i != TRANSFORM_NONE)
            assert_true(strlen(transformation_in_words(i)) > 0);
    for (uint8_t i = 0; i < WAF_PHASES; i++)
        assert_non_null(phase_in_words(i));
}

static void an_explanation_has_all_of_the_chain(void **state)
{
    struct bench b;
    struct explanation e;
    bench_open(&b);
    assert_true(rule_explain(&b.program, rule(&b, 3), b.arena, &e));
    assert_int_equal(e.link_count, 2);
    assert_string_equal(e.message, "sql %{TX.0}");
    assert_int_equal(e.links[0].where.count, 3);
    assert_string_equal(e.links[0].where.items[1].name, "!ARGS:note");
    assert_string_equal(e.links[0].against, "(?i)union\\s+select");
    assert_int_equal(e.links[1].phrase_count, 2);
    assert_string_equal(e.links[1].after.items[0].name, "lowercase");
    assert_int_equal(e.gates.count, 1);
    assert_non_null(strstr(e.gates.items[0], "TX:level is 2 or more"));
    assert_int_equal(e.changes.count, 1);
    bench_close(&b);
}

/* "ID ID" of the rules that protect the variable beside rule 3. */
static void protects(const struct bench *b, const char *variable, const char *expected)
{
    struct guards g;
    struct text ids = text_new(1000);
    assert_true(guards_find(b->set, bytes_of_text("attack-sqli"), bytes_of_text(variable), rule(b, 3), b->arena, &g));
    for (size_t i = 0; i < g.count; i++)
        text_printf(&ids, "%s%lld", i ? " " : "", (long long)b->set->rules[g.rules[i]].id);
    assert_string_equal(text_cstr(&ids), expected);
    text_free(&ids);
}

static void rules_of_the_same_class_protect_what_they_look_at(void **state)
{
    struct bench b;
    bench_open(&b);
    protects(&b, "ARGS:a", "4");
    protects(&b, "ARGS:bb", "4"); /* its expression may name it */
    protects(&b, "args_names:q", "5");
    protects(&b, "REQUEST_URI", "");
    protects(&b, "", "");
    assert_true(bytes_equal(guards_class(b.set, rule(&b, 3), 1), bytes_of_text("attack-rce")));
    assert_int_equal(guards_class(b.set, rule(&b, 3), 2).len, 0);
    assert_true(rule_is_sum(b.set, rule(&b, 6)));
    assert_false(rule_is_sum(b.set, rule(&b, 3)));
    bench_close(&b);
}

static void memory_that_runs_out_is_said(void **state)
{
    struct bench b;
    struct explanation e;
    bool done = false;
    bench_open(&b);
    for (uint64_t n = 1; !done; n++) {
        struct arena *a = arena_create(MEMORY);
        arena_fail_at(a, n);
        done = rule_explain(&b.program, rule(&b, 3), a, &e);
        arena_destroy(a);
        assert_true(n < 10000);
    }
    bench_close(&b);
}

/* The search asks for memory thousands of times: it fails at ever more distant ones. */
static void a_search_without_memory_is_said_or_shows_what_was_tried(void **state)
{
    struct bench b;
    struct waf_options options = {.client = bytes_of_text("127.0.0.1"), .unique_id = bytes_of_text("u")};
    bench_open(&b);
    struct example_search search = {.program = &b.program, .scratch = &b.scratch, .options = &options, .seed = 1};
    for (uint64_t n = 1; n < 3000; n += 1 + n / 8) {
        struct arena *a = arena_create(MEMORY);
        struct example e;
        arena_fail_at(a, n);
        if (example_find(&search, rule(&b, 4), a, &e))
            assert_true(e.found ? e.request.len != 0 : e.why_not != NULL);
        arena_destroy(a);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_and_transformation_has_words),
        cmocka_unit_test(an_explanation_has_all_of_the_chain),
        cmocka_unit_test(rules_of_the_same_class_protect_what_they_look_at),
        cmocka_unit_test(memory_that_runs_out_is_said),
        cmocka_unit_test(a_search_without_memory_is_said_or_shows_what_was_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
