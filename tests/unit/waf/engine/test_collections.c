/* SPDX-License-Identifier: Apache-2.0 */
/* Collections over requests: what one writes, the next reads, for as long as it is kept. */
#include "tests/unit/waf/engine/story.h"

#define ON "SecRuleEngine On\n"
#define OPEN "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{ARGS.who}\"\n"
#define SAYS(id, phase, text) "SecAction \"id:" #id ",phase:" #phase ",pass,log,msg:'" text "'\"\n"
#define DO(id, phase, actions) "SecAction \"id:" #id ",phase:" #phase ",pass,nolog," actions "\"\n"

static void a_counter_counts_over_requests_by_key(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN DO(2, 1, "setvar:ip.n=+1") SAYS(3, 1, "%{ip.n}") "SecRule IP:n \"@ge 3\" \"id:4,phase:1,deny,msg:'enough'\"\n");
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1");
    story_tell(&s, 1001, GET_OF("b"), "pass; 3 1");
    story_tell(&s, 1002, GET_OF("a"), "pass; 3 2");
    story_tell(&s, 1003, GET_OF("a"), "deny; 3 3; 4 enough");
    story_end(&s);
}

static void initcol_and_setvar_of_one_rule_mean_what_they_say(void **state)
{
    struct story s;
    story_begin(&s, ON "SecRule ARGS:who \"@rx .\" \"id:1,phase:1,pass,nolog,initcol:ip=%{MATCHED_VAR},setvar:ip.n=+1\"\n" SAYS(2, 1, "%{ip.n}"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 1");
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 2");
    story_end(&s);
}

static void each_collection_is_named_by_its_action(void **state)
{
    struct story s;
    story_begin(&s, ON DO(1, 1, "initcol:global=g,initcol:resource=r,setsid:%{ARGS.who},setuid:u,setvar:global.n=+1,setvar:resource.n=+1,setvar:session.n=+1,setvar:user.n=+1")
            SAYS(2, 1, "%{global.n} %{resource.n} %{session.n} %{user.n} %{SESSIONID} %{USERID}"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 1 1 1 1 a u");
    story_tell(&s, 1000, GET_OF("b"), "pass; 2 2 2 1 2 b u");
    story_end(&s);
    story_begin(&s, ON "SecRule ARGS:who \"@rx .\" \"id:1,phase:1,pass,nolog,setrsc:%{REQUEST_FILENAME},chain\"\nSecRule ARGS:who \"@streq a\"\n" DO(2, 1, "setvar:resource.n=+1")
            SAYS(3, 1, "%{resource.n} %{resource.key}"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1 /");
    story_tell(&s, 1000, GET_OF("b"), "pass; 3 1 "); /* the chain did not match whole: it is this request's own */
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 2 /");
    story_end(&s);
}

/* As in libmodsecurity 3: what was named last counts, also for what was read before. */
static void another_key_is_another_collection(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN DO(2, 1, "setvar:ip.n=+1") "SecRule ARGS:who \"@streq b\" \"id:3,phase:1,pass,nolog,initcol:ip=a\"\n" DO(4, 1, "setvar:ip.m=+1") SAYS(5, 1, "%{ip.key} %{ip.n} %{ip.m}"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 5 a 1 1");
    story_tell(&s, 1000, GET_OF("b"), "pass; 5 a 1 2");
    story_tell(&s, 1000, GET_OF("b"), "pass; 5 a 1 3");
    story_end(&s);
}

static void applications_have_collections_of_their_own(void **state)
{
    struct story one, other;
    story_begin(&one, ON "SecWebAppId one\n" OPEN DO(2, 1, "setvar:ip.n=+1") SAYS(3, 1, "%{ip.n}"));
    story_begin(&other, ON "SecWebAppId other\n" OPEN DO(2, 1, "setvar:ip.n=+1") SAYS(3, 1, "%{ip.n}"));
    other.options.store = &one.store;
    story_tell(&one, 1000, GET_OF("a"), "pass; 3 1");
    story_tell(&other, 1000, GET_OF("a"), "pass; 3 1");
    story_end(&other);
    story_end(&one);
}

/* What the reference manual calls built in: there by name, not among what is listed and counted. */
static void collections_know_facts_about_themselves(void **state)
{
    struct story s;
    story_begin(&s, ON "SecCollectionTimeout 600\n" OPEN
            SAYS(2, 1, "%{ip.is_new} %{ip.key} %{ip.create_time} %{ip.last_update_time} %{ip.timeout} %{ip.update_counter} %{ip.update_rate}")
            DO(3, 1, "setvar:ip.n=+1,setvar:ip.m=+1") "SecRule &IP \"!@eq 2\" \"id:4,phase:1,deny,msg:'counted'\"\nSecRule IP:IS_NEW \"@eq 1\" \"id:5,phase:1,pass,log,msg:'new'\"\n");
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 1 a 1000 0 600 0 0; 5 new");
    story_tell(&s, 1030, GET_OF("a"), "pass; 2 0 a 1000 1000 600 1 2");
    story_tell(&s, 1060, GET_OF("a"), "pass; 2 0 a 1000 1030 600 2 2");
    story_tell(&s, 1660, GET_OF("a"), "pass; 2 1 a 1660 0 600 0 0; 5 new"); /* 600 s after the last change */
    story_end(&s);
}

static void a_collection_is_kept_for_an_hour_unless_told_otherwise(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN SAYS(2, 1, "(%{ip.n})") "SecRule ARGS:who \"@streq a\" \"id:3,phase:1,pass,nolog,setvar:ip.n=1\"\n"
            "SecRule ARGS:who \"@streq b\" \"id:4,phase:1,pass,nolog,setvar:ip.n=1,setvar:ip.timeout=10\"\n");
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 ()");
    story_tell(&s, 1000, GET_OF("b"), "pass; 2 ()");
    story_tell(&s, 1009, GET_OF("b"), "pass; 2 (1)"); /* and goes on for 10 s */
    story_tell(&s, 1019, GET_OF("b"), "pass; 2 ()");
    story_tell(&s, 4599, GET_OF("a"), "pass; 2 (1)");
    story_tell(&s, 8199, GET_OF("a"), "pass; 2 ()");
    story_end(&s);
}

static void variables_expire(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN SAYS(2, 1, "(%{ip.n})") "SecRule &IP:m \"@eq 0\" \"id:3,phase:1,pass,nolog,setvar:ip.n=1,setvar:ip.m=1,expirevar:ip.n=30\"\n");
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 ()");
    story_tell(&s, 1029, GET_OF("a"), "pass; 2 (1)");
    story_tell(&s, 1030, GET_OF("a"), "pass; 2 ()");
    story_end(&s);
    story_begin(&s, ON OPEN SAYS(2, 1, "(%{ip.n})") DO(3, 1, "setvar:tx.t=30,setvar:ip.n=+1,expirevar:ip.n=%{tx.t},expirevar:tx.t=1"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 ()");
    story_tell(&s, 1029, GET_OF("a"), "pass; 2 (1)"); /* begins again */
    story_tell(&s, 1058, GET_OF("a"), "pass; 2 (2)");
    story_tell(&s, 1088, GET_OF("a"), "pass; 2 ()");
    story_end(&s);
}

/* The reference manual's example of deprecatevar, at every request. */
static void variables_are_deprecated(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN "SecRule ARGS:who \"@streq a\" \"id:2,phase:1,pass,nolog,chain\"\nSecRule &IP:score \"@eq 0\" \"setvar:ip.score=100\"\n"
            DO(3, 5, "deprecatevar:ip.score=60/300") SAYS(4, 5, "%{ip.score}") DO(5, 5, "deprecatevar:tx.score=60/300"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 4 100");
    story_tell(&s, 1010, GET_OF("a"), "pass; 4 98");
    story_tell(&s, 1012, GET_OF("a"), "pass; 4 98");
    story_tell(&s, 1300, GET_OF("a"), "pass; 4 40");
    story_tell(&s, 2000, GET_OF("a"), "pass; 4 0");
    story_end(&s);
}

static void variables_are_unset_and_set(void **state)
{
    struct story s;
    story_begin(&s, ON OPEN SAYS(2, 1, "(%{ip.a}%{ip.b}%{ip.c})") "SecRule ARGS:who \"@streq a\" \"id:3,phase:1,pass,nolog,setvar:!ip.a,setvar:ip.b=x,setvar:ip.c=-2,setvar:'ip.%{ARGS.who}x'\"\n"
            SAYS(4, 1, "%{ip.a}%{ip.b}%{ip.c}%{ip.ax}") DO(5, 1, "setvar:ip.a=y"));
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 (); 4 x-21");
    story_tell(&s, 1000, GET_OF("a"), "pass; 2 (yx-2); 4 x-41");
    story_end(&s);
}

/* Two transactions that overlap: both read 0, both add 1. */
static void overlapping_transactions_both_count(void **state)
{
    struct story s;
    struct arena *a = arena_create(STORY_MEMORY), *b = arena_create(STORY_MEMORY);
    struct http_message m;
    const char *error;
    story_begin(&s, ON "SecRequestBodyAccess On\n" OPEN DO(2, 5, "setvar:ip.n=+1") SAYS(3, 1, "%{ip.n}"));
    assert_true(http_request_read(bytes_of_text(GET_OF("a")), a, &m, &error));
    struct waf_transaction *first = transaction_begin(&s.ready.program, a, &s.options), *second = transaction_begin(&s.ready.program, b, &s.options);
    assert_true(first && second);
    transaction_request(first, &s.ready.scratch, &m);
    transaction_request(second, &s.ready.scratch, &m);
    assert_int_equal(transaction_end(first, &s.ready.scratch)->decision, WAF_PASS);
    assert_int_equal(transaction_end(second, &s.ready.scratch)->decision, WAF_PASS);
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 2");
    story_end(&s);
    arena_destroy(a);
    arena_destroy(b);
}

static void without_a_store_they_last_for_one_request_and_it_is_said(void **state)
{
    struct story s;
#define LASTS "; limit: IP, SESSION, USER, GLOBAL and RESOURCE last for this transaction: no store was given"
    story_begin(&s, ON OPEN DO(2, 1, "setvar:ip.n=+1,expirevar:ip.n=1,deprecatevar:ip.n=1/1") SAYS(3, 1, "%{ip.n}(%{ip.is_new})"));
    s.options.store = NULL;
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1()" LASTS);
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1()" LASTS);
    story_end(&s);
    story_begin(&s, ON DO(2, 1, "setvar:ip.n=+1") SAYS(3, 1, "%{ip.n}")); /* nobody named it */
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1");
    story_tell(&s, 1000, GET_OF("a"), "pass; 3 1");
    story_end(&s);
}

static enum waf_store_result no_answer(void *context, const struct waf_collection_key *k, int64_t now, struct arena *a, struct waf_values *ret, struct waf_collection_facts *ret_facts)
{
    return STORE_FAILED;
}

static enum waf_store_result no_change(void *context, const struct waf_collection_key *k, const struct waf_change *c, int64_t now, struct arena *a, struct waf_changed *ret)
{
    return STORE_FAILED;
}

static void what_the_store_does_not_keep_is_told_to_rules(void **state)
{
    struct story s;
    const struct waf_store silent = {NULL, no_answer, no_change};
    story_begin(&s, ON OPEN DO(2, 1, "setvar:ip.n=+1,setvar:ip.n=+1,setvar:ip.m=x,setvar:!ip.m") SAYS(3, 1, "%{ip.n}%{ip.m}") "SecRule TX:MSC_COLLECTION_LIMITS_EXCEEDED \"@eq 1\" \"id:4,phase:1,deny,msg:'x'\"\n");
    s.options.store = &silent;
    story_tell(&s, 1000, GET_OF("a"),
        "deny; 3 2; 4 x; limit: a collection could not be read: it is taken for empty; limit: a change to a collection was not kept: its store does not answer");
    story_end(&s);
    story_begin(&s, ON OPEN "SecRule ARGS \"@rx .\" \"id:2,phase:1,pass,nolog,setvar:'ip.%{MATCHED_VAR_NAME}=1'\"\n" SAYS(3, 1, "%{ip.ARGS:z}"));
    struct text request = text_new(3000);
    text_puts(&request, "GET /?");
    for (int k = 0; k < 30; k++)
        text_printf(&request, "a%d=1&", k);
    text_puts(&request, "z=1 HTTP/1.1\r\n\r\n");
    story_tell(&s, 1000, text_cstr(&request), "pass; 3 1; limit: a change to a collection was not kept: there is no room for it");
    text_free(&request);
    story_end(&s);
}

/* Whatever allocation fails, the request is refused, never let through. */
static void a_transaction_without_memory_is_refused(void **state)
{
    struct story s;
    story_begin(&s, ON DO(1, 1, "initcol:ip=%{ARGS.who}x,setvar:ip.n=+1,setvar:ip.timeout=60") DO(2, 2, "expirevar:ip.n=5,deprecatevar:ip.n=1/1") SAYS(3, 2, "%{ip.n}%{ip.update_counter}"));
    for (uint64_t nth = 1;; nth++) {
        struct arena *a = arena_create(STORY_MEMORY);
        struct http_message m;
        const char *error;
        assert_true(http_request_read(bytes_of_text(GET_OF("a")), a, &m, &error));
        uint64_t before = arena_allocations(a);
        arena_fail_at(a, nth);
        struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
        enum waf_decision decision = WAF_DENY;
        if (t) {
            transaction_request(t, &s.ready.scratch, &m);
            decision = transaction_end(t, &s.ready.scratch)->decision;
        }
        bool ended = arena_allocations(a) - before < nth;
        assert_int_equal(decision, ended ? WAF_PASS : WAF_DENY);
        arena_destroy(a);
        if (ended)
            break;
    }
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_counts_over_requests_by_key),
        cmocka_unit_test(initcol_and_setvar_of_one_rule_mean_what_they_say),
        cmocka_unit_test(each_collection_is_named_by_its_action),
        cmocka_unit_test(another_key_is_another_collection),
        cmocka_unit_test(applications_have_collections_of_their_own),
        cmocka_unit_test(collections_know_facts_about_themselves),
        cmocka_unit_test(a_collection_is_kept_for_an_hour_unless_told_otherwise),
        cmocka_unit_test(variables_expire),
        cmocka_unit_test(variables_are_deprecated),
        cmocka_unit_test(variables_are_unset_and_set),
        cmocka_unit_test(overlapping_transactions_both_count),
        cmocka_unit_test(without_a_store_they_last_for_one_request_and_it_is_said),
        cmocka_unit_test(what_the_store_does_not_keep_is_told_to_rules),
        cmocka_unit_test(a_transaction_without_memory_is_refused),
    };
    return cmocka_run_group_tests_name("waf-collections", tests, NULL, NULL);
}
