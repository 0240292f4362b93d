/* SPDX-License-Identifier: Apache-2.0 */
/* What rules do, in rule sets of a few lines: which fire, in which order, with what message, and what is decided. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/waf/engine/ready.h"

#define MEMORY ((size_t)64 << 20)
#define GET "GET /a/b.php?q=one&r=two&q=%54hree HTTP/1.1\r\nHost: h.example:80\r\nCookie: sid=s1; lang=en\r\nX-A: b\r\n\r\n"
#define POST(type, body) "POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: " type "\r\n\r\n" body
#define ON "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n"

/* "decision status; id msg [data]; ..." of the transaction. */
static void describe(const struct ready *b, const struct waf_outcome *o, struct text *out)
{
    static const char *const names[] = {"pass", "deny", "drop", "redirect", "allow"};
    text_puts(out, names[o->decision]);
    if (o->decision != WAF_PASS && o->decision != WAF_ALLOW)
        text_printf(out, " %d", o->status);
    if (o->decision == WAF_REDIRECT)
        text_printf(out, " %.*s", (int)o->redirect.len, (const char *)o->redirect.at);
    for (size_t i = 0; i < o->event_count; i++) {
        const struct waf_event *e = &o->events[i];
        text_printf(out, "; %lld", (long long)b->set->rules[e->rule].id);
        if (e->msg.len)
            text_printf(out, " %.*s", (int)e->msg.len, (const char *)e->msg.at);
        if (e->data.len)
            text_printf(out, " [%.*s]", (int)e->data.len, (const char *)e->data.at);
    }
    for (size_t i = 0; i < o->limit_count; i++)
        text_printf(out, "; limit: %s", o->limits[i]);
}

static void open(const char *rules, bool plan, struct ready *ret)
{
    ready_open(rules, false, ret);
    if (!plan)
        return;
    scratch_free(&ret->scratch);
    assert_true(program_plan(&ret->program, ret->arena) && scratch_create(&ret->program, &ret->scratch));
}

static void run_as(bool plan, const char *rules, const char *request, const char *response, const char *expected)
{
    struct ready b;
    struct arena *a = arena_create(MEMORY);
    struct http_message q, r;
    const char *error;
    struct text said = text_new(1 << 16);
    struct waf_options o = {.client = bytes_of_text("192.0.2.9"), .server = bytes_of_text("192.0.2.1"), .client_port = 4711, .server_port = 80,
        .unique_id = bytes_of_text("u1"), .time = 1700000000, .local = {2023, 11, 14, 22, 3, 20, 2}};
    open(rules, plan, &b);
    assert_true(http_request_read(bytes_of_text(request), a, &q, &error));
    struct waf_transaction *t = transaction_begin(&b.program, a, &o);
    assert_non_null(t);
    transaction_request(t, &b.scratch, &q);
    if (response) {
        assert_true(http_response_read(bytes_of_text(response), a, &r, &error));
        transaction_response(t, &b.scratch, &r);
    }
    describe(&b, transaction_end(t, &b.scratch), &said);
    assert_string_equal(text_cstr(&said), expected);
    text_free(&said);
    arena_destroy(a);
    ready_close(&b);
}

/* With a plan there are shorter ways to the same. */
static void run(const char *rules, const char *request, const char *response, const char *expected)
{
    run_as(false, rules, request, response, expected);
    run_as(true, rules, request, response, expected);
}

#define LOGS(id, target, operator, more) "SecRule " target " \"" operator "\" \"id:" #id ",phase:2,pass,log,msg:'m'," more "logdata:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\"\n"

static void targets_are_what_the_request_says(void **state)
{
    static const struct {
        const char *target, *first;
    } cases[] = {{"ARGS", "ARGS:q=Three"}, {"ARGS:r", "ARGS:r=two"}, {"ARGS_NAMES", "ARGS_NAMES:q=q"}, {"&ARGS", "ARGS=3"}, {"ARGS|!ARGS:q", "ARGS:r=two"},
        {"ARGS:/^[RS]$/", "ARGS:r=two"}, {"ARGS_COMBINED_SIZE", "ARGS_COMBINED_SIZE=14"}, {"QUERY_STRING", "QUERY_STRING=q=one&r=two&q=%54hree"},
        {"REQUEST_BASENAME", "REQUEST_BASENAME=b.php"}, {"REQUEST_FILENAME", "REQUEST_FILENAME=/a/b.php"}, {"REQUEST_METHOD", "REQUEST_METHOD=GET"},
        {"REQUEST_PROTOCOL", "REQUEST_PROTOCOL=HTTP/1.1"}, {"REQUEST_HEADERS:x-a", "REQUEST_HEADERS:X-A=b"}, {"REQUEST_COOKIES:lang", "REQUEST_COOKIES:lang=en"},
        {"REQUEST_COOKIES_NAMES|!REQUEST_COOKIES_NAMES:sid", "REQUEST_COOKIES_NAMES:lang=lang"}, {"SERVER_NAME", "SERVER_NAME=h.example"},
        {"REMOTE_ADDR", "REMOTE_ADDR=192.0.2.9"}, {"REMOTE_PORT", "REMOTE_PORT=4711"}, {"UNIQUE_ID", "UNIQUE_ID=u1"}, {"TIME_EPOCH", "TIME_EPOCH=1700000000"},
        {"TIME", "TIME=22:03:20"}, {"TIME_MIN", "TIME_MIN=03"}, {"TIME_WDAY", "TIME_WDAY=2"}, {"REQUEST_URI", "REQUEST_URI=/a/b.php?q=one&r=two&q=Three"},
        {"REQUEST_LINE", "REQUEST_LINE=GET /a/b.php?q=one&r=two&q=%54hree HTTP/1.1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rules[512], expected[256];
        snprintf(rules, sizeof rules, ON "SecRule %s \"@rx .\" \"id:1,phase:2,pass,log,msg:'m',logdata:'%%{MATCHED_VAR_NAME}=%%{MATCHED_VAR}'\"\n", cases[i].target);
        snprintf(expected, sizeof expected, "pass; 1 m [%s]", cases[i].first);
        run(rules, GET, NULL, expected);
    }
}

static void a_refusal_ends_its_phase_and_the_next(void **state)
{
    run(ON "SecAction \"id:1,phase:1,pass,log,msg:'a'\"\nSecRule ARGS:q \"@streq one\" \"id:2,phase:2,deny,status:418,log,msg:'b'\"\n"
           "SecAction \"id:3,phase:2,pass,log,msg:'c'\"\nSecAction \"id:4,phase:5,pass,log,msg:'d'\"\n",
        GET, "HTTP/1.1 200 OK\r\n\r\n", "deny 418; 1 a; 2 b; 4 d");
    run(ON "SecAction \"id:1,phase:1,deny,log,msg:'a'\"\nSecAction \"id:3,phase:2,pass,log,msg:'c'\"\n", GET, NULL, "deny 403; 1 a");
    run(ON "SecAction \"id:1,phase:1,redirect:'https://x.example/%{ARGS.r}',log,msg:'a'\"\n", GET, NULL, "redirect 302 https://x.example/two; 1 a");
    run(ON "SecAction \"id:1,phase:1,drop,log,msg:'a'\"\n", GET, NULL, "drop 403; 1 a");
}

static void detection_only_refuses_nothing(void **state)
{
    run("SecRuleEngine DetectionOnly\nSecAction \"id:1,phase:1,deny,log,msg:'a'\"\nSecAction \"id:2,phase:1,pass,log,msg:'b'\"\n", GET, NULL, "pass; 1 a; 2 b");
    run("SecRuleEngine Off\nSecAction \"id:1,phase:1,deny,log,msg:'a'\"\n", GET, NULL, "pass");
    run(ON "SecAction \"id:1,phase:1,pass,nolog,ctl:ruleEngine=DetectionOnly\"\nSecAction \"id:2,phase:1,deny,log,msg:'b'\"\n", GET, NULL, "pass; 2 b");
}

static void block_does_what_the_default_says(void **state)
{
    run(ON "SecDefaultAction \"phase:2,log,deny,status:406\"\nSecRule ARGS:q \"@streq one\" \"id:1,phase:2,block,msg:'a'\"\n", GET, NULL, "deny 406; 1 a");
    run(ON "SecDefaultAction \"phase:2,log,pass\"\nSecRule ARGS:q \"@streq one\" \"id:1,phase:2,block,msg:'a'\"\n", GET, NULL, "pass; 1 a");
    run(ON "SecDefaultAction \"phase:2,nolog,pass\"\nSecRule ARGS:q \"@streq one\" \"id:1,phase:2,pass,msg:'a'\"\n", GET, NULL, "pass");
}

static void the_audit_log_is_another(void **state)
{
    run(ON "SecAction \"id:1,phase:1,pass,log,noauditlog,msg:'a'\"\nSecAction \"id:2,phase:1,pass,noauditlog,msg:'b'\"\n"
           "SecAction \"id:3,phase:1,pass,nolog,noauditlog,msg:'c'\"\nSecAction \"id:4,phase:1,pass,auditlog,nolog,msg:'d'\"\n",
        GET, NULL, "pass; 1 a; 2 b");
}

static void a_chain_fires_whole_or_not(void **state)
{
    run(ON "SecRule ARGS:q \"@streq one\" \"id:1,phase:2,pass,log,msg:'a',chain\"\nSecRule ARGS:r \"@streq two\" \"logdata:'%{MATCHED_VAR}'\"\n", GET, NULL, "pass; 1 a [two]");
    run(ON "SecRule ARGS:q \"@streq one\" \"id:1,phase:2,deny,log,msg:'a',setvar:tx.head=1,chain\"\nSecRule ARGS:r \"@streq no\" \"setvar:tx.second=1\"\n"
           "SecRule TX:head \"@eq 1\" \"id:2,phase:2,pass,log,msg:'%{tx.head}%{tx.second}'\"\n",
        GET, NULL, "pass; 2 1"); /* what the head set stays */
    run(ON "SecRule ARGS:q \"@streq one\" \"id:1,phase:2,pass,log,msg:'a',ctl:ruleRemoveById=3\"\nSecRule ARGS:r \"@streq two\" \"id:2,phase:2,pass,log,msg:'b',chain\"\n"
           "SecRule ARGS:r \"@streq no\" \"id:3\"\n",
        GET, NULL, "pass; 1 a; 2 b"); /* a rule of a chain that ctl removed counts as true */
}

static void setvar_counts_for_each_match(void **state)
{
    run(ON "SecRule ARGS \"@rx .\" \"id:1,phase:2,pass,nolog,setvar:tx.n=+2,setvar:'tx.last_%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\"\n"
           "SecRule TX:n \"@eq 6\" \"id:2,phase:2,pass,log,msg:'%{tx.n} %{tx.last_ARGS:r}'\"\n",
        GET, NULL, "pass; 2 6 two");
    run(ON "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.a=5,setvar:tx.a=-7,setvar:tx.b,setvar:tx.c=x,setvar:!tx.c\"\n"
           "SecAction \"id:2,phase:1,pass,log,msg:'%{tx.a} %{TX.B} (%{tx.c})'\"\n",
        GET, NULL, "pass; 2 -2 1 ()");
}

static void what_was_captured_lives_on(void **state)
{
    run(ON "SecRule ARGS:q \"@rx ^(o)(n)e$\" \"id:1,phase:2,pass,nolog,capture\"\nSecAction \"id:2,phase:2,pass,log,msg:'%{tx.0} %{tx.1} %{tx.2} (%{tx.3})'\"\n", GET, NULL,
        "pass; 2 one o n ()");
    run(ON "SecRule ARGS:r \"@pm one TWO\" \"id:1,phase:2,pass,log,capture,msg:'%{TX.0}'\"\n", GET, NULL, "pass; 1 TWO");
    run(ON "SecRule ARGS:q \"@detectSQLi\" \"id:1,phase:2,pass,log,capture,msg:'%{TX.0}'\"\nSecAction \"id:2,phase:5,pass,log,msg:'%{TX.0}'\"\n",
        "GET /?q=1'%20or%201=1--%20 HTTP/1.1\r\n\r\n", NULL, "pass; 1 s&1=1c; 2 s&1=1c"); /* the detector's own text */
}

static void negation_fires_on_what_does_not_match(void **state)
{
    run(ON LOGS(1, "ARGS:r", "!@rx ^one$", ""), GET, NULL, "pass; 1 m [ARGS:r=two]");
    run(ON LOGS(1, "ARGS:r", "!@rx ^two$", ""), GET, NULL, "pass");
    run(ON LOGS(1, "ARGS:none", "!@rx ^two$", ""), GET, NULL, "pass"); /* nothing is no value */
    run(ON LOGS(1, "REQBODY_ERROR_MSG", "!@rx x", ""), GET, NULL, "pass; 1 m [REQBODY_ERROR_MSG=]"); /* an empty one is */
}

static void skips_leave_out_what_they_say(void **state)
{
    run(ON "SecAction \"id:1,phase:1,pass,nolog,skip:1\"\nSecAction \"id:2,phase:1,pass,log,msg:'a'\"\nSecAction \"id:3,phase:1,pass,log,msg:'b'\"\n", GET, NULL, "pass; 3 b");
    run(ON "SecAction \"id:1,phase:1,pass,nolog,skipAfter:END\"\nSecAction \"id:2,phase:1,pass,log,msg:'a'\"\nSecMarker END\nSecAction \"id:3,phase:1,pass,log,msg:'b'\"\n", GET,
        NULL, "pass; 3 b");
    run(ON "SecAction \"id:1,phase:1,pass,nolog,skip:1\"\nSecRule ARGS \"@rx .\" \"id:2,phase:1,pass,log,msg:'a',chain\"\nSecRule ARGS \"@rx .\"\n"
           "SecAction \"id:3,phase:1,pass,log,msg:'b'\"\n",
        GET, NULL, "pass; 3 b"); /* a chain is one rule */
}

static void allow_has_its_scopes(void **state)
{
#define REST "SecAction \"id:2,phase:1,pass,log,msg:'a'\"\nSecAction \"id:3,phase:2,pass,log,msg:'b'\"\nSecAction \"id:4,phase:3,pass,log,msg:'c'\"\nSecAction \"id:5,phase:5,pass,log,msg:'d'\"\n"
    const char *response = "HTTP/1.1 200 OK\r\n\r\n";
    run(ON "SecAction \"id:1,phase:1,allow:phase,nolog\"\n" REST, GET, response, "allow; 3 b; 4 c; 5 d");
    run(ON "SecAction \"id:1,phase:1,allow:request,nolog\"\n" REST, GET, response, "allow; 4 c; 5 d");
    run(ON "SecAction \"id:1,phase:1,allow,nolog\"\n" REST, GET, NULL, "allow; 5 d");
    run(ON "SecAction \"id:1,phase:1,allow:phase,nolog\"\nSecAction \"id:2,phase:2,deny,status:403,nolog\"\n", GET, NULL, "deny 403");
    run(ON "SecAction \"id:1,phase:5,allow,nolog\"\n" REST, GET, NULL, "pass; 2 a; 3 b");
    run("SecRuleEngine DetectionOnly\nSecAction \"id:1,phase:1,allow,nolog\"\n", GET, NULL, "pass");
}

static void rules_and_targets_are_removed(void **state)
{
    run(ON LOGS(1, "ARGS:q", "@streq one", "tag:'t',") "SecRuleRemoveById 1\n", GET, NULL, "pass");
    run(ON LOGS(1, "ARGS:q", "@streq one", "tag:'t',") "SecRuleRemoveByTag t\n", GET, NULL, "pass");
    run(ON LOGS(1, "ARGS:q", "@streq one", "") "SecRuleRemoveByMsg m\n", GET, NULL, "pass");
    run(ON LOGS(1, "ARGS", "@streq one", "") "SecRuleUpdateTargetById 1 !ARGS:q\n", GET, NULL, "pass");
    run(ON LOGS(1, "ARGS:none", "@streq two", "") "SecRuleUpdateTargetById 1 ARGS:r\n", GET, NULL, "pass; 1 m [ARGS:r=two]");
    run(ON "SecAction \"id:9,phase:1,pass,nolog,ctl:ruleRemoveTargetById=1;ARGS:q\"\n" LOGS(1, "ARGS", "@rx one|two", ""), GET, NULL, "pass; 1 m [ARGS:r=two]");
    run(ON "SecAction \"id:9,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=t;ARGS\"\n" LOGS(1, "ARGS", "@rx one|two", "tag:'t',"), GET, NULL, "pass");
    run(ON "SecAction \"id:9,phase:1,pass,nolog,ctl:ruleRemoveById=1-5\"\n" LOGS(1, "ARGS", "@rx one", ""), GET, NULL, "pass");
    run(ON "SecAction \"id:9,phase:1,pass,nolog,ctl:ruleRemoveByTag=t\"\n" LOGS(1, "ARGS", "@rx one", "tag:'t',"), GET, NULL, "pass");
    run(ON "SecRule ARGS:q \"@streq one\" \"id:1,phase:2,deny,log,msg:'a'\"\nSecRuleUpdateActionById 1 \"pass\"\n", GET, NULL, "pass; 1 a");
}

static void transformations_come_in_order(void **state)
{
    run(ON LOGS(1, "ARGS:r", "@streq TWO", "t:hexEncode,t:none,t:uppercase,"), GET, NULL, "pass; 1 m [ARGS:r=TWO]"); /* none forgets */
    run(ON LOGS(1, "ARGS:r", "@streq 54574f", "t:none,t:uppercase,t:hexEncode,"), GET, NULL, "pass; 1 m [ARGS:r=54574f]");
    run(ON "SecRule ARGS:q \"@rx (?i)^three$\" \"id:1,phase:2,pass,log,msg:'%{MATCHED_VAR}',t:none,t:lowercase,multiMatch\"\n", GET, NULL, "pass; 1 Three; 1 three");
    /* of a chain no event before it has matched whole; and what else it does happens once */
    run(ON "SecRule ARGS:q \"@rx (?i)^three$\" \"id:1,phase:2,pass,log,msg:'a',t:none,t:lowercase,multiMatch,chain\"\nSecRule ARGS:r \"@streq no\" \"t:none\"\n", GET, NULL, "pass");
    run(ON "SecRule ARGS:q \"@rx (?i)^three$\" \"id:1,phase:2,pass,log,msg:'a',t:none,t:lowercase,multiMatch,chain\"\nSecRule ARGS:r \"@streq two\" \"t:none\"\n", GET, NULL,
        "pass; 1 a");
}

static void bodies_become_arguments(void **state)
{
    run(ON LOGS(1, "ARGS_POST", "@rx .", ""), POST("application/x-www-form-urlencoded", "a=1+2"), NULL, "pass; 1 m [ARGS_POST:a=1 2]");
    run(ON "SecRule REQUEST_HEADERS:Content-Type \"json\" \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n" LOGS(1, "ARGS", "@rx .", ""),
        POST("application/json", "{\"a\": {\"b\": \"x\"}}"), NULL, "pass; 1 m [ARGS:json.a.b=x]");
    run(ON "SecRule REQUEST_HEADERS:Content-Type \"xml\" \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n" LOGS(1, "XML:/*", "@rx .", ""), POST("text/xml", "<a>x</a>"),
        NULL, "pass; 1 m [XML:/*=x]");
    run(ON LOGS(1, "FILES", "@rx .", ""),
        POST("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.php\"\r\n\r\nabc\r\n--B--\r\n"), NULL, "pass; 1 m [FILES:f=x.php]");
    run(ON LOGS(1, "REQBODY_ERROR", "!@eq 0", ""), POST("multipart/form-data", "--B"), NULL, "pass; 1 m [REQBODY_ERROR=1]");
}

static void what_is_in_files_is_seen_when_it_is_asked_for(void **state)
{
#define FILES \
    POST("multipart/form-data; boundary=B", \
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.php\"\r\n\r\na\nb\r\nc\r\n--B\r\nContent-Disposition: form-data; name=\"g\"; filename=\"y\"\r\n\r\n\r\n--B--\r\n")
    run(ON "SecUploadKeepFiles On\n" LOGS(1, "FILES_TMP_CONTENT:f", "@rx ^a\\nb\\r\\nc$", "") LOGS(2, "&FILES_TMP_CONTENT", "@eq 2", ""), FILES, NULL,
        "pass; 1 m [FILES_TMP_CONTENT:f=a\nb\r\nc]; 2 m [FILES_TMP_CONTENT=2]");
    run(ON LOGS(1, "&FILES_TMP_CONTENT", "@eq 0", ""), FILES, NULL, "pass; 1 m [FILES_TMP_CONTENT=0]; limit: FILES_TMP_CONTENT is empty: SecUploadKeepFiles is off");
    run(ON "SecUploadKeepFiles On\n" LOGS(1, "&FILES_TMPNAMES", "@eq 0", ""), FILES, NULL,
        "pass; 1 m [FILES_TMPNAMES=0]; limit: FILES_TMPNAMES is empty: files are not written to the disk");
    run(ON LOGS(1, "&FILES_TMPNAMES", "@eq 0", ""), GET, NULL, "pass; 1 m [FILES_TMPNAMES=0]");
}

static void limits_refuse_or_cut(void **state)
{
    run(ON "SecRequestBodyLimit 3\nSecRequestBodyLimitAction Reject\n", POST("text/plain", "four"), NULL,
        "deny 403; limit: the body is larger than its limit");
    run(ON "SecRequestBodyLimit 3\nSecRequestBodyLimitAction ProcessPartial\n" LOGS(1, "REQUEST_BODY", "@rx .", ""), POST("text/plain", "four"), NULL,
        "pass; 1 m [REQUEST_BODY=fou]; limit: the body is larger than its limit; what lies behind it was not inspected");
    run(ON "SecArgumentsLimit 2\n" LOGS(1, "&ARGS", "@rx .", ""), GET, NULL, "pass; 1 m [ARGS=2]; limit: more arguments than SecArgumentsLimit; the rest was not inspected");
}

static void responses_are_seen_by_type(void **state)
{
#define LEAK "SecRule RESPONSE_BODY \"@contains secret\" \"id:1,phase:4,deny,log,msg:'%{RESPONSE_STATUS}'\"\n"
    run(ON "SecResponseBodyMimeType text/html\n" LEAK, GET, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\na secret", "deny 403; 1 200");
    run(ON "SecResponseBodyMimeType text/html\n" LEAK, GET, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\na secret",
        "pass; limit: the response's body was not inspected: its type, or SecResponseBodyAccess");
    run(ON "SecRule RESPONSE_HEADERS:X-Leak \"@rx .\" \"id:2,phase:3,deny,log,msg:'h'\"\n", GET, "HTTP/1.1 200 OK\r\nX-Leak: 1\r\n\r\n", "deny 403; 2 h");
}

static void compressed_bodies_are_said_to_be(void **state)
{
    run(ON "SecRule RESPONSE_BODY \"@streq y\" \"id:1,phase:4,pass\"\n", "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\nx", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx",
        "pass; limit: the request's body is compressed: it was inspected as it is; limit: the response's body is compressed: it was inspected as it is");
}

static void an_expression_at_its_limit_is_told_to_rules(void **state)
{
    run_as(false, ON "SecPcreMatchLimit 1000\nSecPcreMatchLimitRecursion 1000\nSecRule ARGS:q \"@rx ^(a+)+$\" \"id:1,phase:2,deny,log,msg:'no'\"\n"
           "SecRule TX:/^MSC_/ \"!@streq 0\" \"id:2,phase:2,deny,log,msg:'%{MATCHED_VAR_NAME}'\"\n",
        "GET /?q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab HTTP/1.1\r\n\r\n", NULL, "deny 403; 2 TX:MSC_PCRE_LIMITS_EXCEEDED; limit: a regular expression came to its match limit");
}

static void what_an_expression_cannot_decide_is_refused(void **state)
{
    static const char slow[] = "SecPcreMatchLimit 1000\nSecPcreMatchLimitRecursion 1000\nSecRule ARGS:q \"@rx ^(a+)+$\" \"id:1,phase:%d,pass,log\"\n";
    static const char request[] = "GET /?q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab HTTP/1.1\r\n\r\n";
    static const struct {
        const char *engine;
        int phase;
        const char *said;
    } cases[] = {
        {"On", 1, "deny 403; limit: a regular expression came to its match limit"},
        {"On", 2, "deny 403; limit: a regular expression came to its match limit"},
        {"On", 5, "pass; limit: a regular expression came to its match limit"},
        {"DetectionOnly", 2, "pass; limit: a regular expression came to its match limit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char rules[512];
        int len = snprintf(rules, sizeof rules, "SecRuleEngine %s\n", cases[i].engine);
        snprintf(rules + len, sizeof rules - (size_t)len, slow, cases[i].phase);
        run_as(false, rules, request, NULL, cases[i].said);
    }
}

/* Whatever allocation fails, the request is refused, never let through. */
/* What is counted, compared and read where it stands is what it would be if it were gathered. */
static void values_are_come_by_in_many_ways(void **state)
{
    static const char *const cases[][2] = {
        {"SecRule &TX:n|TX:n \"@eq 0\" \"id:1,phase:1,pass,log,logdata:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\"", "; 1 [TX:n=0]"},
        {"SecAction \"id:9,phase:1,pass,nolog,setvar:tx.n=7\"\nSecRule &TX:n|TX:n \"!@lt 1\" \"id:1,phase:1,pass,log,logdata:'%{MATCHED_VARS_NAMES} %{MATCHED_VAR}'\"", "; 1 [TX:n 7]"},
        {"SecRule TX:n|TX:m \"!@eq 1\" \"id:1,phase:1,pass,log\"", ""},
        {"SecRule &ARGS:q|&ARGS_NAMES \"@ge 2\" \"id:1,phase:1,pass,log,logdata:'%{MATCHED_VARS_NAMES} %{MATCHED_VAR}',chain\"\nSecRule &MATCHED_VARS \"@eq 2\"", "; 1 [ARGS:q 2]"},
        {"SecRule &ARGS|!ARGS:q \"@eq 1\" \"id:1,phase:1,pass,log\"", "; 1"},
        {"SecAction \"id:9,phase:1,pass,nolog,ctl:ruleRemoveTargetById=1;ARGS:q\"\nSecRule &ARGS|&TX:n \"@eq 1\" \"id:1,phase:1,pass,log,logdata:'%{MATCHED_VAR_NAME}'\"", "; 1 [ARGS]"},
        {"SecRule ARGS_NAMES \"@rx ^.*$\" \"id:9,phase:1,pass,nolog,capture,setvar:'tx.of_%{tx.0}=/%{tx.0}/'\"\nSecRule &TX:/^of_/ \"@eq 2\" \"id:1,phase:1,pass,log,chain\"\n"
         "SecRule TX:/^of_/ \"@within /p/ /%{ARGS.r}/ /r/\" \"setvar:tx.found=%{MATCHED_VAR_NAME}\"\nSecRule TX:found \"@rx .\" \"id:2,phase:1,pass,log,logdata:'%{MATCHED_VAR}'\"", "; 1; 2 [TX:of_r]"},
        {"SecAction \"id:9,phase:1,pass,nolog,setvar:tx.of_a=1,setvar:tx.b=2\"\nSecRule &TX:/OF_/ \"@eq 1\" \"id:1,phase:1,pass,log\"\nSecAction \"id:8,phase:1,pass,nolog,setvar:!tx.of_a\"\n"
         "SecRule &TX:/OF_/ \"@eq 0\" \"id:2,phase:1,pass,log\"\nSecRule TX:b|TX:of_a \"@eq 2\" \"id:3,phase:1,pass,log\"", "; 1; 2; 3"},
        {"SecRule ARGS_COMBINED_SIZE|TX:n \"@eq 14\" \"id:1,phase:1,pass,log,logdata:'%{ARGS_COMBINED_SIZE}'\"", "; 1 [14]"},
        {"SecRule REQUEST_METHOD \"!@rx ^(?:POST|PUT)$\" \"id:1,phase:1,pass,log,logdata:'%{MATCHED_VAR}'\"", "; 1 [GET]"},
        {"SecRule REQUEST_METHOD \"@rx ^(?:G|GET)$\" \"id:1,phase:1,pass,log,capture,logdata:'%{TX.0}'\"", "; 1 [GET]"},
        {"SecRule SERVER_NAME|REMOTE_ADDR \"@rx (?:^|=)(?:h|192)\" \"id:1,phase:1,pass,log,capture,logdata:'%{TX.0}'\"", "; 1 [192]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char rules[2048], expected[256];
        snprintf(rules, sizeof rules, ON "%s\n", cases[i][0]);
        snprintf(expected, sizeof expected, "pass%s", cases[i][1]);
        run(rules, GET, NULL, expected);
    }
}

static void must_be_refused_without_memory(bool plan, const char *rules)
{
    struct ready b;
    open(rules, plan, &b);
    for (uint64_t nth = 1;; nth++) {
        struct arena *a = arena_create(MEMORY);
        struct http_message q;
        struct waf_options o = {.time = 1};
        const char *error;
        assert_true(http_request_read(bytes_of_text(GET), a, &q, &error));
        uint64_t before = arena_allocations(a);
        arena_fail_at(a, nth);
        struct waf_transaction *t = transaction_begin(&b.program, a, &o);
        if (t) {
            transaction_request(t, &b.scratch, &q);
            enum waf_decision decision = transaction_end(t, &b.scratch)->decision;
            bool ended = arena_allocations(a) - before < nth;
            if (ended)
                assert_int_equal(decision, WAF_PASS);
            else
                assert_int_equal(decision, WAF_DENY);
            arena_destroy(a);
            if (ended)
                break;
            continue;
        }
        arena_destroy(a);
        assert_true(nth < 20); /* all that it takes to begin one */
    }
    ready_close(&b);
}

static void a_transaction_without_memory_is_refused(void **state)
{
    static const char *const rules[] = {
        ON "SecRule ARGS \"@rx (.)\" \"id:1,phase:2,pass,log,capture,msg:'%{tx.0}%{ARGS.q}',t:lowercase,setvar:tx.a=+1\"\n",
        ON "SecRule ARGS_NAMES \"@rx ^.*$\" \"id:1,phase:2,pass,log,capture,setvar:'tx.of_%{tx.0}=%{tx.0}%{MATCHED_VAR}',chain\"\nSecRule &TX:/^of_/|TX:a|REQUEST_METHOD \"!@eq 12\" \"tag:'t'\"\n",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        must_be_refused_without_memory(false, rules[i]);
        must_be_refused_without_memory(true, rules[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_what_the_request_says),
        cmocka_unit_test(a_refusal_ends_its_phase_and_the_next),
        cmocka_unit_test(detection_only_refuses_nothing),
        cmocka_unit_test(block_does_what_the_default_says),
        cmocka_unit_test(the_audit_log_is_another),
        cmocka_unit_test(a_chain_fires_whole_or_not),
        cmocka_unit_test(setvar_counts_for_each_match),
        cmocka_unit_test(what_was_captured_lives_on),
        cmocka_unit_test(negation_fires_on_what_does_not_match),
        cmocka_unit_test(skips_leave_out_what_they_say),
        cmocka_unit_test(allow_has_its_scopes),
        cmocka_unit_test(rules_and_targets_are_removed),
        cmocka_unit_test(transformations_come_in_order),
        cmocka_unit_test(bodies_become_arguments),
        cmocka_unit_test(what_is_in_files_is_seen_when_it_is_asked_for),
        cmocka_unit_test(limits_refuse_or_cut),
        cmocka_unit_test(responses_are_seen_by_type),
        cmocka_unit_test(compressed_bodies_are_said_to_be),
        cmocka_unit_test(an_expression_at_its_limit_is_told_to_rules),
        cmocka_unit_test(what_an_expression_cannot_decide_is_refused),
        cmocka_unit_test(values_are_come_by_in_many_ways),
        cmocka_unit_test(a_transaction_without_memory_is_refused),
    };
    return cmocka_run_group_tests_name("waf-engine", tests, NULL, NULL);
}
