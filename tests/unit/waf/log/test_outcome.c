/* SPDX-License-Identifier: Apache-2.0 */
/* An outcome as a line of JSON: what is in it, and what must not be. */
#include "tests/unit/waf/engine/ready.h"
#include "waf/log/outcome.h"

#define ON "SecRuleEngine On\n"
#define RULE(id, target, pattern) "SecRule " target " \"@rx " pattern "\" \"id:" #id ",phase:1,pass,log,capture,msg:'found %{TX.0}',logdata:'%{MATCHED_VAR}',severity:ERROR,tag:'t'\"\n"

/* The line, freed by the caller. */
static struct text line_of(const char *rules, struct bytes request, const struct outcome_facts *facts)
{
    struct ready r;
    struct arena *a = arena_create((size_t)1 << 20);
    struct text out = text_new(1 << 16);
    struct waf_options options = {.client = bytes_of_text("192.0.2.9"), .time = 1};
    struct http_message m;
    const char *error;
    ready_open(rules, false, &r);
    assert_true(http_request_read(request, a, &m, &error));
    struct waf_transaction *t = transaction_begin(&r.program, a, &options);
    assert_non_null(t);
    transaction_request(t, &r.scratch, &m);
    struct outcome_facts told = *facts;
    const struct waf_outcome *o = transaction_end(t, &r.scratch);
    told.scores = waf_scores_of(t);
    outcome_json(r.set, o, &told, &out);
    arena_destroy(a);
    ready_close(&r);
    return out;
}

static void must_be(const char *rules, struct bytes request, const struct outcome_facts *facts, const char *expected)
{
    struct text line = line_of(rules, request, facts);
    assert_string_equal(text_cstr(&line), expected);
    text_free(&line);
}

static const struct outcome_facts none = {.time = 0};

static void all_that_came_of_it_is_in_the_line(void **state)
{
    struct outcome_facts facts = {.unique_id = bytes_of_text("u\"1"), .client = bytes_of_text("192.0.2.9"), .time = 1700000000, .timed = true, .nanoseconds = 12};
    must_be(ON "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.anomaly_score=3,setvar:tx.blocking_inbound_anomaly_score=5,setvar:tx.outbound_anomaly_score=2\"\n", bytes_of_text("GET / HTTP/1.1\r\n\r\n"),
        &facts,
        "{\"decision\": \"pass\", \"time\": \"2023-11-14T22:13:20Z\", \"unique_id\": \"u\\\"1\", \"client\": \"192.0.2.9\", \"score\": {\"inbound\": 5, \"outbound\": 2}, \"rules\": [], "
        "\"limits\": [], \"nanoseconds\": 12}\n");
    must_be(ON RULE(7, "ARGS:q", "b+"), bytes_of_text("GET /?q=abbc HTTP/1.1\r\n\r\n"), &none,
        "{\"decision\": \"pass\", \"score\": {\"inbound\": 0, \"outbound\": 0}, \"rules\": [{\"id\": 7, \"phase\": 1, \"msg\": \"found bb\", \"data\": \"abbc\", \"severity\": \"ERROR\", "
        "\"tags\": [\"t\"], \"file\": \"rules.conf\", \"line\": 2, \"matched\": [{\"variable\": \"ARGS:q\", \"value\": \"abbc\", \"offset\": 1, \"length\": 2}]}], \"limits\": []}\n");
    must_be(ON "SecAction \"id:1,phase:1,redirect:'/a?b',nolog\"\n", bytes_of_text("GET / HTTP/1.1\r\n\r\n"), &none,
        "{\"decision\": \"redirect\", \"status\": 302, \"phase\": 1, \"redirect\": \"/a?b\", \"score\": {\"inbound\": 0, \"outbound\": 0}, \"rules\": [], \"limits\": []}\n");
}

static void secrets_are_not_in_it(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nCookie: sid=hunter2\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Basic hunter2\r\n\r\n",
        "GET /?password=hunter2 HTTP/1.1\r\n\r\n",
        "GET /?api_token=hunter2 HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct text line = line_of(ON RULE(7, "ARGS|REQUEST_COOKIES|REQUEST_HEADERS:Authorization", "hunter[0-9]"), bytes_of_text(requests[i]), &none);
        assert_null(strstr(text_cstr(&line), "hunter"));
        assert_non_null(strstr(text_cstr(&line), "not shown"));
        assert_non_null(strstr(text_cstr(&line), "\"id\": 7"));
        text_free(&line);
    }
}

/* RFC 8259, 8.1: a text is UTF-8. */
static void bytes_that_are_no_text_are_shown_as_such(void **state)
{
    struct text line = line_of(ON RULE(7, "ARGS:q", "."), bytes_of_text("GET /?q=%00%ff%22%0a HTTP/1.1\r\n\r\n"), &none);
    assert_non_null(strstr(text_cstr(&line), "\"value\": \"\xef\xbf\xbd\xef\xbf\xbd\\\"\\n\""));
    text_free(&line);
}

static void what_does_not_fit_is_known_to_be_cut(void **state)
{
    struct waf_outcome o = {.decision = WAF_PASS};
    struct waf_rule_set set = {0};
    struct text out = text_new(40);
    outcome_json(&set, &o, &none, &out);
    assert_true(out.failed);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_came_of_it_is_in_the_line),
        cmocka_unit_test(secrets_are_not_in_it),
        cmocka_unit_test(bytes_that_are_no_text_are_shown_as_such),
        cmocka_unit_test(what_does_not_fit_is_known_to_be_cut),
    };
    return cmocka_run_group_tests_name("waf-log", tests, NULL, NULL);
}
