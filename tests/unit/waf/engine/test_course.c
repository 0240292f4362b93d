/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of rules when they are loaded, and messages that do what it does not reckon with. */
#include "tests/unit/waf/engine/story.h"
#include "waf/engine/course.h"

#define DEFAULTS                                                                                                                                                   \
    "SecRuleEngine On\n"                                                                                                                                           \
    "SecRule &TX:level \"@eq 0\" \"id:1,phase:1,pass,nolog,setvar:tx.level=1\"\n"                                                                                  \
    "SecRule &TX:most|TX:most \"@eq 0\" \"id:2,phase:1,pass,nolog,setvar:tx.most=5,setvar:tx.Text=a%{tx.level}b\"\n"
#define LEVELS                                                                                                                                                     \
    "SecRule TX:level \"@lt 1\" \"id:10,phase:2,pass,nolog,skipAfter:END\"\n"                                                                                      \
    "SecRule ARGS \"@contains one\" \"id:11,phase:2,pass,msg:'%{tx.text}'\"\n"                                                                                     \
    "SecRule TX:level \"@lt 2\" \"id:12,phase:2,pass,nolog,skipAfter:END\"\n"                                                                                      \
    "SecRule ARGS \"@contains one\" \"id:13,phase:2,pass,msg:'%{tx.most}'\"\n"                                                                                     \
    "SecMarker END\n"
#define GET(query) "GET /?" query " HTTP/1.1\r\nHost: h\r\n\r\n"

struct sets {
    struct story story;
    const struct course *course;
};

static void begin(struct sets *s, const char *rules)
{
    story_begin(&s->story, rules);
    scratch_free(&s->story.ready.scratch);
    assert_true(program_plan(&s->story.ready.program, s->story.ready.arena) && scratch_create(&s->story.ready.program, &s->story.ready.scratch));
    s->course = s->story.ready.program.course;
}

/* The rule with that id. */
static uint32_t place_of(const struct sets *s, int64_t id)
{
    const struct waf_rule_set *set = s->story.ready.set;
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id)
            return i;
    fail_msg("no rule %lld", (long long)id);
    return 0;
}

static bool is_known(const struct sets *s, int64_t id)
{
    uint32_t place = place_of(s, id);
    return bits_have(s->course->phases[s->story.ready.set->rules[place].phase].known, place);
}

static bool is_visited(const struct sets *s, int64_t id)
{
    uint32_t place = place_of(s, id);
    return bits_have(s->course->phases[s->story.ready.set->rules[place].phase].visits, place);
}

static void defaults_and_levels_are_known_when_rules_are_loaded(void **state)
{
    struct sets s;
    begin(&s, DEFAULTS LEVELS);
    assert_true(is_known(&s, 1) && is_known(&s, 2) && is_known(&s, 10) && is_known(&s, 12));
    assert_true(is_visited(&s, 1)); /* where what both set is taken */
    assert_false(is_visited(&s, 2) || is_visited(&s, 10) || is_visited(&s, 12) || is_visited(&s, 13));
    assert_true(is_visited(&s, 11)); /* where its group is scanned */
    assert_int_equal(s.course->write_count, 3);
    story_tell(&s.story, 1, GET("a=one"), "pass; 11 a1b");
    story_end(&s.story);
}

static void a_level_that_a_message_may_set_is_not_known(void **state)
{
    struct sets s;
    begin(&s, DEFAULTS "SecRule ARGS:a \"@streq strict\" \"id:3,phase:1,pass,nolog,setvar:tx.level=2\"\n" LEVELS);
    assert_true(is_known(&s, 1) && !is_known(&s, 10) && !is_known(&s, 12));
    story_tell(&s.story, 1, GET("a=strict&b=one"), "pass; 11 a1b; 13 5");
    story_tell(&s.story, 1, GET("a=one"), "pass; 11 a1b");
    story_end(&s.story);
}

static void names_that_only_a_message_gives_may_be_any(void **state)
{
    struct sets s;
    begin(&s, DEFAULTS "SecRule ARGS_NAMES \"@rx ^l\" \"id:3,phase:1,pass,nolog,setvar:'tx.%{MATCHED_VAR}=2'\"\n" LEVELS);
    assert_false(is_known(&s, 10) || is_known(&s, 12));
    story_tell(&s.story, 1, GET("level=one"), "pass; 11 a1b; 13 5");
    story_end(&s.story);
    begin(&s, DEFAULTS "SecRule ARGS_NAMES \"@rx ^l\" \"id:3,phase:1,pass,nolog,setvar:'tx.other_%{MATCHED_VAR}=2'\"\n" LEVELS);
    assert_true(is_known(&s, 10) && is_known(&s, 12));
    story_tell(&s.story, 1, GET("level=one"), "pass; 11 a1b");
    story_end(&s.story);
}

/* Whatever is jumped over, skipped or taken away has not happened, though every other message does it. */
static void what_is_passed_over_has_not_happened(void **state)
{
    static const char *const ways[] = {"pass,skipAfter:BEHIND", "pass,skip:2", "pass,ctl:ruleRemoveById=1-2", "allow:phase"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct text rules = text_new(4096);
        struct sets s;
        text_printf(&rules, "SecRule ARGS:a \"@streq go\" \"id:100,phase:1,nolog,%s\"\n", ways[i]);
        text_puts(&rules, DEFAULTS "SecMarker BEHIND\n" LEVELS);
        begin(&s, text_cstr(&rules));
        assert_true(is_known(&s, 1) && is_known(&s, 12));
        story_tell(&s.story, 1, GET("b=one"), "pass; 11 a1b");
        story_tell(&s.story, 1, GET("b=one&a=go"), i < 3 ? "pass; 11; 13" : "allow; 11; 13"); /* what is not there is not below 1 */
        story_end(&s.story);
        text_free(&rules);
    }
}

/* A rule's jump to where every message comes is no reason to leave the course. */
static void a_jump_within_a_level_keeps_to_the_course(void **state)
{
    struct sets s;
    begin(&s, DEFAULTS "SecRule ARGS:a \"!@streq go\" \"id:3,phase:2,pass,nolog,skipAfter:PART\"\nSecRule ARGS \"@contains one\" \"id:4,phase:2,pass,msg:'four'\"\nSecMarker PART\n" LEVELS);
    uint32_t place = place_of(&s, 3);
    assert_true(bits_have(s.course->phases[2].lands, place));
    story_tell(&s.story, 1, GET("a=x&b=one"), "pass; 11 a1b");
    story_tell(&s.story, 1, GET("a=go&b=one"), "pass; 4 four; 11 a1b");
    story_end(&s.story);
}

/* What the rules of the course leave in MATCHED_VARS is there for those behind. */
static void matches_of_the_course_are_remembered(void **state)
{
    struct sets s;
    begin(&s, DEFAULTS "SecRule MATCHED_VARS_NAMES \"@rx .\" \"id:3,phase:1,pass,msg:'%{MATCHED_VAR}'\"\n"
                       "SecRule TX:text \"@streq A1B\" \"id:4,phase:1,pass,nolog,t:lowercase\"\n"
                       "SecRule &MATCHED_VARS \"@eq 0\" \"id:5,phase:1,pass,msg:'none'\"\n");
    s.story.shows_matched = true;
    assert_true(is_known(&s, 4) && !is_known(&s, 3));
    story_tell(&s.story, 1, GET(""), "pass; 3 TX:most MATCHED_VARS_NAMES:TX:level=TX:level MATCHED_VARS_NAMES:TX:most=TX:most; 5 none MATCHED_VARS=0");
    story_end(&s.story);
}

/* It may write it again at any time, whatever rules write. */
static void what_the_engine_writes_is_never_known(void **state)
{
    struct sets s;
    begin(&s, "SecRuleEngine On\nSecPcreMatchLimit 1000\nSecPcreMatchLimitRecursion 1000\nSecAction \"id:1,phase:1,pass,nolog,setvar:tx.msc_pcre_limits_exceeded=0\"\n"
              "SecRule ARGS:q \"!@rx ^(a+)+$\" \"id:2,phase:2,pass,nolog\"\n"
              "SecRule TX:MSC_PCRE_LIMITS_EXCEEDED \"@eq 1\" \"id:3,phase:2,pass,nolog,setvar:tx.passed=1\"\n"
              "SecRule TX:passed \"@eq 1\" \"id:4,phase:2,pass,msg:'limit'\"\n");
    assert_true(is_known(&s, 1) && !is_known(&s, 3) && !is_known(&s, 4));
    story_tell(&s.story, 1, GET("q=b"), "pass");
    story_tell(&s.story, 1, GET("q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc"), "deny; 4 limit; limit: a regular expression came to its match limit");
    story_end(&s.story);
}

/* Where one fails, so do those behind it; where it matches, each is asked. */
static void rules_that_ask_the_same_fail_together(void **state)
{
    struct sets s;
    begin(&s, "SecRuleEngine On\nSecRule ARGS:a \"@streq go\" \"id:1,phase:2,pass,nolog,setvar:tx.x=1\"\n"
              "SecRule TX:x \"@eq 1\" \"id:2,phase:2,pass,msg:'two'\"\n"
              "SecRule TX:x \"@eq 1\" \"id:3,phase:2,pass,msg:'three',setvar:tx.x=2\"\n"
              "SecRule TX:x \"@eq 1\" \"id:4,phase:2,pass,msg:'four'\"\n"
              "SecRule TX:x \"@eq 2\" \"id:5,phase:2,pass,msg:'five'\"\n");
    const uint32_t *behind = s.story.ready.program.plan->behind;
    assert_int_equal(behind[place_of(&s, 2)], place_of(&s, 5));
    assert_int_equal(behind[place_of(&s, 3)], place_of(&s, 5));
    assert_int_equal(behind[place_of(&s, 4)], 0);
    story_tell(&s.story, 1, GET("a=go"), "pass; 2 two; 3 three; 5 five");
    story_tell(&s.story, 1, GET("a=x"), "pass");
    story_end(&s.story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_levels_are_known_when_rules_are_loaded),
        cmocka_unit_test(a_level_that_a_message_may_set_is_not_known),
        cmocka_unit_test(names_that_only_a_message_gives_may_be_any),
        cmocka_unit_test(what_is_passed_over_has_not_happened),
        cmocka_unit_test(a_jump_within_a_level_keeps_to_the_course),
        cmocka_unit_test(matches_of_the_course_are_remembered),
        cmocka_unit_test(rules_that_ask_the_same_fail_together),
        cmocka_unit_test(what_the_engine_writes_is_never_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
