/* SPDX-License-Identifier: Apache-2.0 */
/* What sanitise actions keep out of the outcome, wherever it would stand; and setenv. */
#include "tests/unit/waf/engine/story.h"

#define ON "SecRuleEngine On\nSecRequestBodyAccess On\n"
#define SEES(id, target) "SecRule " target " \"@rx .\" \"id:" #id ",phase:2,pass,log\"\n"
#define LOGIN "POST /in?user=u HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nCookie: sid=s1\r\nX-Key: k1\r\n\r\npassword=pw1&card=4111111111111111&x=y"

static void shows(const char *rules, const char *expected)
{
    struct story s;
    story_begin(&s, rules);
    s.shows_matched = true;
    story_tell(&s, 1, LOGIN, expected);
    story_end(&s);
}

static void an_argument_is_shown_nowhere(void **state)
{
#define HIDES "SecAction \"id:9,phase:5,pass,nolog,sanitiseArg:Password\"\n" /* also of what has been matched before */
    shows(ON SEES(1, "ARGS:password") HIDES, "pass; 1 ARGS:password=***");
    shows(ON SEES(1, "ARGS_POST:password") HIDES, "pass; 1 ARGS_POST:password=***");
    shows(ON SEES(1, "ARGS:x") HIDES, "pass; 1 ARGS:x=y");
    shows(ON SEES(1, "ARGS_NAMES:password") HIDES, "pass; 1 ARGS_NAMES:password=password");
    shows(ON SEES(1, "REQUEST_BODY") HIDES, "pass; 1 REQUEST_BODY=**************************************");
    shows(ON SEES(1, "QUERY_STRING") HIDES, "pass; 1 QUERY_STRING=******");
    shows(ON SEES(1, "REQUEST_METHOD") HIDES, "pass; 1 REQUEST_METHOD=POST");
    shows(ON "SecRule ARGS:password \"@rx ^(.)\" \"id:1,phase:2,pass,nolog,capture\"\n" SEES(2, "TX:1") SEES(3, "MATCHED_VAR") SEES(4, "MATCHED_VARS") HIDES,
        "pass; 2 TX:1=*; 3 MATCHED_VAR=*; 4 MATCHED_VARS:ARGS:password=*** MATCHED_VARS:TX:1=p MATCHED_VARS:MATCHED_VAR=p");
}

static void messages_with_macros_are_not_shown_either(void **state)
{
    shows(ON "SecRule ARGS:password|ARGS:x \"@rx .\" \"id:1,phase:2,pass,log,msg:'is %{MATCHED_VAR}',logdata:'%{ARGS.password}',tag:'fixed',tag:'t%{MATCHED_VAR}'\"\n" HIDES,
        "pass; 1 **** [***] #fixed #** ARGS:password=*** ARGS:x=y");
    shows(ON "SecRule ARGS:password \"@rx .\" \"id:1,phase:2,pass,log,msg:'a password'\"\n" HIDES, "pass; 1 a password ARGS:password=***");
}

static void headers_are_sanitised_by_side(void **state)
{
    shows(ON SEES(1, "REQUEST_HEADERS:x-key|REQUEST_COOKIES:sid") "SecAction \"id:9,phase:2,pass,nolog,sanitiseRequestHeader:X-Key\"\n",
        "pass; 1 REQUEST_HEADERS:X-Key=** REQUEST_COOKIES:sid=s1");
    shows(ON SEES(1, "REQUEST_HEADERS:x-key|REQUEST_COOKIES:sid") "SecAction \"id:9,phase:2,pass,nolog,sanitiseRequestHeader:cookie\"\n",
        "pass; 1 REQUEST_HEADERS:X-Key=k1 REQUEST_COOKIES:sid=**");
    shows(ON SEES(1, "REQUEST_HEADERS:x-key") "SecAction \"id:9,phase:2,pass,nolog,sanitiseResponseHeader:X-Key\"\n", "pass; 1 REQUEST_HEADERS:X-Key=k1");
}

static void what_matched_is_not_shown(void **state)
{
    shows(ON "SecRule ARGS \"@rx ^pw\" \"id:1,phase:2,pass,log,sanitiseMatched\"\n" SEES(2, "ARGS:x|ARGS_POST:password"), "pass; 1 ARGS:password=***; 2 ARGS:x=y ARGS_POST:password=***");
    shows(ON "SecRule ARGS:password|ARGS:card \"@rx .\" \"id:1,phase:2,pass,log,multiMatch,sanitiseMatched\"\n",
        "pass; 1 ARGS:password=***; 1 ARGS:card=****************");
    shows(ON "SecDefaultAction \"phase:2,log,pass,sanitiseMatched\"\n" SEES(1, "ARGS:x"), "pass; 1 ARGS:x=*");
    shows(ON "SecRule REQUEST_METHOD \"@rx .\" \"id:1,phase:2,pass,log,sanitiseMatched\"\n", "pass; 1 REQUEST_METHOD=****");
    shows(ON SEES(1, "ARGS:x") "SecAction \"id:2,phase:2,pass,nolog,sanitiseMatched\"\n", "pass; 1 ARGS:x=y"); /* nothing has matched there */
}

static void of_what_was_found_its_ends_may_be_shown(void **state)
{
#define CARD(action, more) "SecRule ARGS|REQUEST_BODY \"@verifyCC \\d{16}\" \"id:1,phase:2,pass,log," more "msg:'%{MATCHED_VAR}',logdata:'%{TX.0}'," action "\"\n"
    shows(ON CARD("sanitiseMatchedBytes:0/4", "capture,"),
        "pass; 1 password=pw1&card=************1111&x=y [************1111] ARGS:card=************1111 REQUEST_BODY=password=pw1&card=************1111&x=y");
    shows(ON CARD("sanitiseMatchedBytes:2/1", "capture,") SEES(2, "ARGS_POST:card"),
        "pass; 1 password=pw1&card=41*************1&x=y [41*************1] ARGS:card=41*************1 REQUEST_BODY=password=pw1&card=41*************1&x=y; 2 ARGS_POST:card=41*************1");
    shows(ON "SecRule ARGS:card \"@verifyCC \\d{16}\" \"id:1,phase:2,pass,log,capture,sanitiseMatchedBytes\"\n", "pass; 1 ARGS:card=****************");
    shows(ON "SecRule ARGS:card \"@verifyCC \\d{16}\" \"id:1,phase:2,pass,log,capture,sanitiseMatchedBytes:8/8\"\n", "pass; 1 ARGS:card=****************");
    shows(ON "SecRule ARGS:card \"@verifyCC \\d{16}\" \"id:1,phase:2,pass,log,sanitiseMatchedBytes:0/4\"\n", "pass; 1 ARGS:card=****************"); /* not captured */
}

/* What cannot be kept apart any more is not shown at all. */
static void too_many_names_hide_everything(void **state)
{
    struct text rules = text_new(1 << 16);
    text_puts(&rules, ON SEES(1, "ARGS:x") "SecAction \"id:2,phase:2,pass,nolog");
    for (int i = 0; i < 101; i++)
        text_printf(&rules, ",sanitiseArg:a%d", i);
    text_puts(&rules, "\"\n");
    shows(text_cstr(&rules), "pass; 1 ARGS:x=*");
    text_free(&rules);
}

static void without_memory_nothing_is_shown(void **state)
{
    struct story s;
    story_begin(&s, ON CARD("sanitiseMatchedBytes:0/4,sanitiseArg:password", "capture,") "SecAction \"id:2,phase:1,pass,nolog,setenv:a=b\"\n");
    for (uint64_t nth = 1;; nth++) {
        struct arena *a = arena_create(STORY_MEMORY);
        struct http_message m;
        const char *error;
        assert_true(http_request_read(bytes_of_text(LOGIN), a, &m, &error));
        uint64_t before = arena_allocations(a);
        arena_fail_at(a, nth);
        struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
        const struct waf_outcome *o = NULL;
        if (t) {
            transaction_request(t, &s.ready.scratch, &m);
            o = transaction_end(t, &s.ready.scratch);
        }
        bool ended = arena_allocations(a) - before < nth;
        assert_true(!o || o->decision == (ended ? WAF_PASS : WAF_DENY));
        for (size_t i = 0; o && i < o->event_count; i++)
            for (size_t k = 0; k < o->events[i].matched_count; k++)
                assert_null(memmem(o->events[i].matched[k].value.at, o->events[i].matched[k].value.len, "4111111", 7));
        arena_destroy(a);
        if (ended)
            break;
    }
    story_end(&s);
}

static struct bytes environment(struct bytes name, void *argument)
{
    return bytes_equal(name, bytes_of_text("HOME")) ? bytes_of_text("/h") : (struct bytes){0};
}

static void the_environment_is_set_and_taken_away(void **state)
{
    struct story s;
    story_begin(&s, ON "SecAction \"id:1,phase:2,pass,nolog,setenv:'a=%{ARGS.x}'\"\nSecRule ENV:HOME|ENV:a \"@rx .\" \"id:2,phase:2,pass,log\"\n"
            "SecAction \"id:3,phase:2,pass,nolog,setenv:!HOME,setenv:b=\"\nSecRule &ENV:HOME \"@eq 0\" \"id:4,phase:2,pass,log\"\nSecRule &ENV \"@eq 2\" \"id:5,phase:2,pass,log\"\n");
    s.options.environment = environment;
    s.shows_matched = s.shows_environment = true;
    story_tell(&s, 1, LOGIN, "pass; 2 ENV:HOME=/h ENV:a=y; 4 ENV:HOME=0; 5 ENV=2; a=y; no HOME; b=");
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_argument_is_shown_nowhere),
        cmocka_unit_test(messages_with_macros_are_not_shown_either),
        cmocka_unit_test(headers_are_sanitised_by_side),
        cmocka_unit_test(what_matched_is_not_shown),
        cmocka_unit_test(of_what_was_found_its_ends_may_be_shown),
        cmocka_unit_test(too_many_names_hide_everything),
        cmocka_unit_test(without_memory_nothing_is_shown),
        cmocka_unit_test(the_environment_is_set_and_taken_away),
    };
    return cmocka_run_group_tests_name("waf-sanitise", tests, NULL, NULL);
}
