/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction by steps: however a body is cut into pieces the same comes of it; where a decision falls, and what is not looked at then. */
#include "story.h"
#include "tests/unit/waf/body/coded.h"

#define LOG(id, phase, target) "SecRule " target " \"@rx (?s).*\" \"id:" #id ",phase:" #phase ",pass,log,capture,msg:'m',logdata:'%{MATCHED_VAR}'\"\n"
#define REQUEST_RULES                                                                                                                        \
    LOG(1, 2, "ARGS|ARGS_POST|ARGS_COMBINED_SIZE") LOG(2, 2, "FILES|FILES_NAMES|FILES_SIZES|FILES_COMBINED_SIZE|MULTIPART_PART_HEADERS") \
    LOG(3, 2, "XML:/*|XML://@*") LOG(4, 2, "REQBODY_ERROR|REQBODY_ERROR_MSG|INBOUND_DATA_ERROR|MULTIPART_STRICT_ERROR|MULTIPART_UNMATCHED_BOUNDARY") \
    LOG(7, 2, "FILES_TMP_CONTENT|FILES_TMPNAMES") LOG(5, 2, "REQUEST_BODY|REQUEST_BODY_LENGTH|FULL_REQUEST_LENGTH|FULL_REQUEST") LOG(6, 5, "ARGS|REQUEST_BODY")
#define PROCESSORS                                                                                                             \
    "SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:90,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n" \
    "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:91,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
#define ON "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\nSecResponseBodyMimeType text/html\n"
#define GET "GET /?q=1 HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"

/* ---- one exchange, in pieces */

typedef void give_piece(struct waf_transaction *t, struct bytes piece, bool lasts);

/* Each piece in memory of its own that is gone afterwards. */
static void give(struct waf_transaction *t, give_piece *give_to, struct bytes body, size_t size)
{
    for (size_t at = 0; at < body.len; at += size) {
        struct bytes piece = joined(bytes_slice(body, at, size), (struct bytes){0});
        give_to(t, piece, false);
        free((void *)(uintptr_t)piece.at);
    }
}

/* `size` of pieces; 0: each message at once. `response` may be NULL. The text is freed by the caller. */
static struct text told(struct story *s, struct bytes request, const struct bytes *response, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct text out = text_new((size_t)16 << 20);
    struct waf_scratch *scratch = &s->ready.scratch;
    struct http_message q, r;
    const char *error;
    assert_true(http_request_read(request, a, &q, &error));
    assert_true(!response || http_response_read(*response, a, &r, &error));
    struct waf_transaction *t = transaction_begin(&s->ready.program, a, &s->options);
    assert_non_null(t);
    if (size) {
        transaction_request_head(t, scratch, &q);
        give(t, transaction_request_body, q.body, size);
        transaction_request_end(t, scratch);
    } else
        transaction_request(t, scratch, &q);
    if (response && size) {
        transaction_response_head(t, scratch, &r);
        give(t, transaction_response_body, r.body, size);
        transaction_response_end(t, scratch);
    } else if (response)
        transaction_response(t, scratch, &r);
    const struct waf_outcome *o = transaction_end(t, scratch);
    text_printf(&out, "%d in %d: ", o->status, o->phase);
    story_describe(s, o, &out);
    assert_false(out.failed);
    arena_destroy(a);
    return out;
}

static void must_be_same_in_pieces(struct story *s, struct bytes request, const struct bytes *response)
{
    static const size_t sizes[] = {1, 2, 3, 7, 61, 1000, 4095, 4096, 4097, 65535, 65536, 65537, 300000};
    struct text whole = told(s, request, response, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct text cut = told(s, request, response, sizes[i]);
        assert_string_equal(text_cstr(&cut), text_cstr(&whole));
        text_free(&cut);
    }
    text_free(&whole);
}

/* ---- bodies of requests */

static void multipart(struct text *out, bool broken)
{
    text_puts(out, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\ntwo\r\n--B\r\n"
                   "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n");
    for (int i = 0; i < 1500; i++)
        text_printf(out, "line %d of a file%s", i, i % 7 ? "\r\n" : "\n");
    text_puts(out, broken ? "\r\n--B\r\nno colon\r\n\r\nx\r\n--Bx\r\n" : "\r\n--B--\r\n");
}

static void json(struct text *out, size_t depth)
{
    text_puts(out, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n");
    for (size_t i = 0; i < depth; i++)
        text_puts(out, "{\"a\":");
    text_puts(out, "[");
    for (int i = 0; i < 900; i++)
        text_printf(out, "{\"k%d\": \"value\\u00e4 %d\", \"n\": null},", i, i);
    text_puts(out, "1.5e3]");
    for (size_t i = 0; i < depth; i++)
        text_puts(out, "}");
}

static void xml(struct text *out, bool broken)
{
    text_puts(out, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n\r\n<?xml version=\"1.0\"?><r>");
    for (int i = 0; i < 700; i++)
        text_printf(out, "<e a%d='v%d'>text &amp; %d</e>", i, i, i);
    text_puts(out, broken ? "<e></r>" : "<![CDATA[<x>]]></r>");
}

static void pairs(struct text *out, const char *type)
{
    text_printf(out, "POST /?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\n\r\n", type);
    for (int i = 0; i < 800; i++)
        text_printf(out, "name%d=%%3cvalue+%d%%zz&", i, i);
}

static void no_body(struct text *out, const char *type)
{
    text_printf(out, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\n\r\n", type);
}

#define BODIES 10
static struct text body_make(int which)
{
    struct text out = text_new((size_t)1 << 20);
    switch (which) {
    case 0: pairs(&out, "application/x-www-form-urlencoded"); break;
    case 1: pairs(&out, "text/plain"); break;
    case 2: multipart(&out, false); break;
    case 3: multipart(&out, true); break;
    case 4: json(&out, 1); break;
    case 5: json(&out, 30); break;
    case 6: xml(&out, false); break;
    case 7: xml(&out, true); break;
    case 8: no_body(&out, "multipart/form-data; boundary=B"); break;
    default: no_body(&out, "application/json"); break;
    }
    assert_false(out.failed);
    return out;
}

static void the_same_comes_of_a_request_however_it_is_cut(void **state)
{
    static const char *const rules[] = {
        ON PROCESSORS REQUEST_RULES,
        ON PROCESSORS REQUEST_RULES "SecUploadKeepFiles On\n",
        ON PROCESSORS REQUEST_RULES "SecRequestBodyLimit 10000\nSecRequestBodyLimitAction Reject\n",
        ON PROCESSORS REQUEST_RULES "SecRequestBodyLimit 10000\nSecRequestBodyLimitAction ProcessPartial\n",
        ON PROCESSORS REQUEST_RULES "SecRequestBodyLimit 10000\nSecRequestBodyLimitAction Reject\nSecRuleEngine DetectionOnly\n",
        ON PROCESSORS REQUEST_RULES "SecRequestBodyNoFilesLimit 5000\n",
        ON PROCESSORS REQUEST_RULES "SecArgumentsLimit 100\nSecRequestBodyJsonDepthLimit 20\n",
        ON PROCESSORS REQUEST_RULES "SecRequestBodyAccess Off\n",
        ON PROCESSORS REQUEST_RULES "SecAction \"id:95,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n",
        ON PROCESSORS LOG(1, 2, "ARGS|REQUEST_BODY_LENGTH|FULL_REQUEST_LENGTH"), /* nobody reads the text */
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct story s;
        story_begin(&s, rules[i]);
        s.shows_matched = true;
        for (int k = 0; k < BODIES; k++) {
            struct text request = body_make(k);
            must_be_same_in_pieces(&s, bytes_of(request.at, request.len), NULL);
            text_free(&request);
        }
        story_end(&s);
    }
}

/* ---- bodies of responses */

static struct bytes response_make(const char *headers, const char *coding, size_t len, unsigned alphabet)
{
    uint8_t *plain = malloc(len + 1);
    uint32_t seed = 7;
    assert_non_null(plain);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        plain[i] = (uint8_t)('a' + (seed >> 16) % alphabet);
    }
    struct bytes body = *coding ? coded(bytes_of(plain, len), coding) : bytes_of(plain, len);
    struct bytes all = joined(bytes_of_text(headers), body);
    if (*coding)
        coded_free(body);
    free(plain);
    return all;
}

static void the_same_comes_of_a_response_however_it_is_cut(void **state)
{
    static const char *const rules[] = {
        ON LOG(1, 4, "RESPONSE_BODY|RESPONSE_CONTENT_LENGTH|OUTBOUND_DATA_ERROR"),
        ON LOG(1, 4, "RESPONSE_BODY|RESPONSE_CONTENT_LENGTH|OUTBOUND_DATA_ERROR") "SecResponseBodyLimit 100000\nSecResponseBodyLimitAction Reject\n",
        ON LOG(1, 4, "RESPONSE_BODY|RESPONSE_CONTENT_LENGTH|OUTBOUND_DATA_ERROR") "SecResponseBodyLimit 100000\nSecResponseBodyLimitAction ProcessPartial\n",
        ON LOG(1, 4, "OUTBOUND_DATA_ERROR") "SecResponseBodyLimit 100000\nSecResponseBodyLimitAction ProcessPartial\n",
        ON LOG(1, 4, "RESPONSE_BODY") "SecResponseBodyAccess Off\n",
    };
    static const struct {
        const char *coding, *says;
        size_t len;
        unsigned alphabet;
    } bodies[] = {{"", "", 150000, 20}, {"gzip", "gzip", 300000, 20}, {"br", "br", 300000, 20}, {"raw", "deflate", 90000, 20}, {"", "gzip", 150000, 20}, {"gzip", "gzip", 9000000, 1},
        {"gzip", "gzip", 0, 1}};
    struct bytes request = bytes_of_text(GET);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct story s;
        story_begin(&s, rules[i]);
        s.shows_matched = true;
        s.options.decode_responses = true;
        for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
            char headers[128];
            snprintf(headers, sizeof headers, OK "%s%s%s\r\n", *bodies[k].says ? "Content-Encoding: " : "", bodies[k].says, *bodies[k].says ? "\r\n" : "");
            struct bytes response = response_make(headers, bodies[k].coding, bodies[k].len, bodies[k].alphabet);
            must_be_same_in_pieces(&s, request, &response);
            free((void *)(uintptr_t)response.at);
        }
        story_end(&s);
    }
}

/* ---- decisions */

#define STEPS 7
/* What stands after each step, with a digit for each: 1 is refused; and then which rules fired. */
static void must_decide(const char *rules, const char *request, const char *response, const char *expected, const char *expected_end)
{
    struct story s;
    struct arena *a = arena_create(STORY_MEMORY);
    struct text out = text_new(1 << 16);
    struct http_message q, r;
    const char *error;
    char stands[STEPS] = {0};
    story_begin(&s, rules);
    struct waf_scratch *scratch = &s.ready.scratch;
    assert_true(http_request_read(bytes_of_text(request), a, &q, &error) && http_response_read(bytes_of_text(response), a, &r, &error));
    struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
    assert_non_null(t);
    for (int step = 0; step < STEPS - 1; step++) {
        switch (step) {
        case 0: transaction_request_head(t, scratch, &q); break;
        case 1: transaction_request_body(t, q.body, false); break;
        case 2: transaction_request_end(t, scratch); break;
        case 3: transaction_response_head(t, scratch, &r); break;
        case 4: transaction_response_body(t, r.body, false); break;
        default: transaction_response_end(t, scratch); break;
        }
        stands[step] = transaction_outcome(t)->decision == WAF_PASS ? '0' : '1';
    }
    assert_string_equal(stands, expected);
    story_describe(&s, transaction_end(t, scratch), &out);
    assert_string_equal(text_cstr(&out), expected_end);
    text_free(&out);
    arena_destroy(a);
    story_end(&s);
}

#define SAYS(id, phase) "SecAction \"id:" #id ",phase:" #phase ",pass,log,msg:'m'\"\n"
#define ALL_PHASES SAYS(1, 1) SAYS(2, 2) SAYS(3, 3) SAYS(4, 4) SAYS(5, 5)
#define POST "POST /?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nbad=1"
#define ANSWER OK "\r\nsecret"

static void a_decision_stands_from_its_step_on(void **state)
{
    must_decide(ON ALL_PHASES, POST, ANSWER, "000000", "pass; 1 m; 2 m; 3 m; 4 m; 5 m");
    must_decide(ON ALL_PHASES "SecRule ARGS:q \"@eq 1\" \"id:9,phase:1,deny,log,msg:'n'\"\n", POST, ANSWER, "111111", "deny; 1 m; 9 n; 5 m");
    must_decide(ON ALL_PHASES "SecRule ARGS:bad \"@eq 1\" \"id:9,phase:2,deny,log,msg:'n'\"\n", POST, ANSWER, "001111", "deny; 1 m; 2 m; 9 n; 5 m");
    must_decide(ON ALL_PHASES "SecRule RESPONSE_STATUS \"@eq 200\" \"id:9,phase:3,deny,log,msg:'n'\"\n", POST, ANSWER, "000111", "deny; 1 m; 2 m; 3 m; 9 n; 5 m");
    must_decide(ON ALL_PHASES "SecRule RESPONSE_BODY \"@contains secret\" \"id:9,phase:4,deny,log,msg:'n'\"\n", POST, ANSWER, "000001", "deny; 1 m; 2 m; 3 m; 4 m; 9 n; 5 m");
}

static void a_limit_refuses_as_soon_as_it_is_passed(void **state)
{
    must_decide(ON ALL_PHASES "SecRequestBodyLimit 4\n", POST, ANSWER, "011111", "deny; 1 m; 5 m; limit: the body is larger than its limit");
    must_decide(ON ALL_PHASES "SecRequestBodyLimit 5\n", POST, ANSWER, "000000", "pass; 1 m; 2 m; 3 m; 4 m; 5 m");
    must_decide(ON ALL_PHASES "SecResponseBodyLimit 5\n", POST, ANSWER, "000011", "deny; 1 m; 2 m; 3 m; 5 m; limit: the body is larger than its limit");
}

static void phase_2_is_run_without_a_body_that_is_not_to_be_read(void **state)
{
    must_decide(ON ALL_PHASES "SecRequestBodyAccess Off\n" LOG(9, 2, "ARGS"), POST, ANSWER, "000000",
        "pass; 1 m; 2 m; 9 m [1]; 3 m; 4 m; 5 m; limit: SecRequestBodyAccess is off: the request's body was not inspected");
    must_decide(ON ALL_PHASES "SecRequestBodyAccess Off\nSecAction \"id:8,phase:1,pass,nolog,ctl:requestBodyAccess=On\"\n" LOG(9, 2, "ARGS_POST"), POST, ANSWER, "000000",
        "pass; 1 m; 2 m; 9 m [1]; 3 m; 4 m; 5 m");
}

static void what_a_rule_lets_by_is_not_parsed(void **state)
{
    must_decide(ON ALL_PHASES "SecAction \"id:8,phase:1,allow,nolog\"\n" LOG(9, 5, "ARGS"), POST, ANSWER, "000000", "allow; 1 m; 5 m; 9 m [1]");
    must_decide(ON ALL_PHASES "SecAction \"id:8,phase:1,allow:request,nolog\"\n" LOG(9, 3, "ARGS"), POST, ANSWER, "000000", "allow; 1 m; 3 m; 9 m [1]; 4 m; 5 m");
    must_decide(ON ALL_PHASES "SecAction \"id:8,phase:1,allow:phase,nolog\"\n" LOG(9, 2, "ARGS_POST"), POST, ANSWER, "000000", "allow; 1 m; 2 m; 9 m [1]; 3 m; 4 m; 5 m");
}

static void whether_a_body_is_read_is_known_before_it_comes(void **state)
{
    static const struct {
        const char *rules;
        bool request, response;
    } cases[] = {{ON, true, true}, {ON "SecRequestBodyAccess Off\n", false, true}, {ON "SecResponseBodyMimeType text/plain\nSecResponseBodyMimeTypesClear\n", true, true},
        {ON "SecAction \"id:1,phase:1,allow,nolog\"\n", false, false}, {ON "SecAction \"id:1,phase:1,deny,nolog\"\n", false, false}, {ON "SecResponseBodyAccess Off\n", true, false},
        {ON "SecAction \"id:1,phase:1,pass,nolog,ctl:ruleEngine=Off\"\n", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct story s;
        struct arena *a = arena_create(STORY_MEMORY);
        struct http_message q, r;
        const char *error;
        story_begin(&s, cases[i].rules);
        assert_true(http_request_read(bytes_of_text(POST), a, &q, &error) && http_response_read(bytes_of_text(ANSWER), a, &r, &error));
        struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
        assert_non_null(t);
        transaction_request_head(t, &s.ready.scratch, &q);
        assert_int_equal(transaction_reads_request_body(t), cases[i].request);
        transaction_request_end(t, &s.ready.scratch);
        transaction_response_head(t, &s.ready.scratch, &r);
        assert_int_equal(transaction_reads_response_body(t), cases[i].response);
        (void)transaction_end(t, &s.ready.scratch);
        arena_destroy(a);
        story_end(&s);
    }
}

/* ---- time and memory */

static uint64_t told_time(void *now)
{
    return *(uint64_t *)now;
}

static void waiting_takes_none_of_the_rules_time(void **state)
{
    struct story s;
    struct arena *a = arena_create(STORY_MEMORY);
    struct http_message q;
    const char *error;
    uint64_t now = 5;
    story_begin(&s, ON ALL_PHASES LOG(9, 2, "ARGS:bad"));
    s.options.duration = told_time;
    s.options.argument = &now;
    s.options.most_time = 100;
    assert_true(http_request_read(bytes_of_text(POST), a, &q, &error));
    struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
    assert_non_null(t);
    transaction_request_head(t, &s.ready.scratch, &q);
    now += 1000000;
    transaction_request_body(t, q.body, true);
    now += 1000000;
    transaction_request_end(t, &s.ready.scratch);
    const struct waf_outcome *o = transaction_end(t, &s.ready.scratch);
    assert_int_equal(o->decision, WAF_PASS);
    assert_int_equal(o->limit_count, 0);
    assert_true(has_fired(&s.ready, o, 9));
    arena_destroy(a);
    story_end(&s);
}

/* Whatever the clock said before, and when it goes back. */
static void duration_is_what_has_passed_since_the_beginning(void **state)
{
    struct story s;
    struct arena *a = arena_create(STORY_MEMORY);
    struct http_message q;
    const char *error;
    uint64_t now = 5000000;
    story_begin(&s, ON "SecRule DURATION \"@eq 0\" \"id:1,phase:1,pass,log\"\nSecRule DURATION \"@eq 700\" \"id:2,phase:2,pass,log\"\n"
                       "SecRule DURATION \"@eq 0\" \"id:5,phase:5,pass,log\"\n");
    s.options.duration = told_time;
    s.options.argument = &now;
    assert_true(http_request_read(bytes_of_text(POST), a, &q, &error));
    struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
    assert_non_null(t);
    transaction_request_head(t, &s.ready.scratch, &q);
    now += 700;
    transaction_request_end(t, &s.ready.scratch);
    now -= 2000;
    const struct waf_outcome *o = transaction_end(t, &s.ready.scratch);
    assert_true(has_fired(&s.ready, o, 1) && has_fired(&s.ready, o, 2) && has_fired(&s.ready, o, 5));
    arena_destroy(a);
    story_end(&s);
}

/* Two transactions, step by step in turn, with one scratch. */
static void two_transactions_share_a_scratch(void **state)
{
    struct story s;
    struct arena *arenas[2] = {arena_create(STORY_MEMORY), arena_create(STORY_MEMORY)};
    struct waf_transaction *t[2];
    struct http_message q[2];
    const char *error;
    story_begin(&s, ON "SecRule ARGS:bad \"@rx ^(.)$\" \"id:9,phase:2,deny,log,capture,msg:'%{tx.1}'\"\n");
    for (size_t i = 0; i < 2; i++) {
        assert_true(http_request_read(bytes_of_text(i ? POST : GET), arenas[i], &q[i], &error));
        t[i] = transaction_begin(&s.ready.program, arenas[i], &s.options);
        assert_non_null(t[i]);
    }
    for (size_t i = 0; i < 2; i++)
        transaction_request_head(t[i], &s.ready.scratch, &q[i]);
    for (size_t i = 0; i < 2; i++)
        transaction_request_body(t[i], q[i].body, false);
    for (size_t i = 2; i-- > 0;)
        transaction_request_end(t[i], &s.ready.scratch);
    assert_int_equal(transaction_end(t[0], &s.ready.scratch)->decision, WAF_PASS);
    assert_int_equal(transaction_end(t[1], &s.ready.scratch)->decision, WAF_DENY);
    for (size_t i = 0; i < 2; i++)
        arena_destroy(arenas[i]);
    story_end(&s);
}

/* Each allocation fails in turn: refused, and nothing of the parsers is left behind. */
static void memory_that_runs_out_on_the_way_refuses(void **state)
{
    struct story s;
    story_begin(&s, ON PROCESSORS REQUEST_RULES);
    for (int k = 2; k < BODIES; k += 2) {
        struct text request = body_make(k);
        for (uint64_t nth = 1, failed = 1; failed; nth += nth / 4 + 1) {
            struct arena *a = arena_create((size_t)256 << 20);
            struct http_message q;
            const char *error;
            assert_true(http_request_read(bytes_of(request.at, request.len), a, &q, &error));
            arena_fail_at(a, nth);
            struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
            failed = !t;
            if (t) {
                transaction_request_head(t, &s.ready.scratch, &q);
                give(t, transaction_request_body, q.body, 500);
                transaction_request_end(t, &s.ready.scratch);
                const struct waf_outcome *o = transaction_end(t, &s.ready.scratch);
                failed = o->decision != WAF_PASS;
                assert_int_equal(o->status, failed ? 413 : 0);
            }
            arena_destroy(a);
        }
        text_free(&request);
    }
    story_end(&s);
}

/* The sanitizers see what is left. */
static void one_that_is_given_up_gives_back_what_it_has(void **state)
{
    struct story s;
    struct text request = body_make(6);
    struct arena *a = arena_create(STORY_MEMORY);
    struct http_message q;
    const char *error;
    story_begin(&s, ON PROCESSORS REQUEST_RULES);
    assert_true(http_request_read(bytes_of(request.at, request.len), a, &q, &error));
    struct waf_transaction *t = transaction_begin(&s.ready.program, a, &s.options);
    assert_non_null(t);
    transaction_request_head(t, &s.ready.scratch, &q);
    transaction_request_body(t, bytes_slice(q.body, 0, q.body.len / 2), false);
    transaction_release(t);
    transaction_release(t);
    arena_destroy(a);
    text_free(&request);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_comes_of_a_request_however_it_is_cut),
        cmocka_unit_test(the_same_comes_of_a_response_however_it_is_cut),
        cmocka_unit_test(a_decision_stands_from_its_step_on),
        cmocka_unit_test(a_limit_refuses_as_soon_as_it_is_passed),
        cmocka_unit_test(phase_2_is_run_without_a_body_that_is_not_to_be_read),
        cmocka_unit_test(what_a_rule_lets_by_is_not_parsed),
        cmocka_unit_test(whether_a_body_is_read_is_known_before_it_comes),
        cmocka_unit_test(waiting_takes_none_of_the_rules_time),
        cmocka_unit_test(duration_is_what_has_passed_since_the_beginning),
        cmocka_unit_test(two_transactions_share_a_scratch),
        cmocka_unit_test(memory_that_runs_out_on_the_way_refuses),
        cmocka_unit_test(one_that_is_given_up_gives_back_what_it_has),
    };
    return cmocka_run_group_tests_name("waf-steps", tests, NULL, NULL);
}
