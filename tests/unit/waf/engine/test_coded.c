/* SPDX-License-Identifier: Apache-2.0 */
/* Responses with content codings: rules see what the reader will see, and limits and faults are told. */
#include "ready.h"

#include "tests/unit/waf/body/coded.h"

#define MEMORY ((size_t)256 << 20)
#define RULES "SecRuleEngine On\nSecResponseBodyAccess On\nSecRule RESPONSE_BODY \"@contains secret\" \"id:1,phase:4,pass,log,msg:'m'\"\n" \
    "SecRule OUTBOUND_DATA_ERROR \"@eq 1\" \"id:2,phase:4,pass,log,msg:'m'\"\n"
#define PARTIAL RULES "SecResponseBodyLimitAction ProcessPartial\n"

static struct bytes secret(void)
{
    return bytes_of_text("here is a secret, here is a secret, here is a secret and no more");
}

/* What comes of a response with these header lines and this body: "pass 1 2; limit", freed by the next call. */
static const char *said(const char *rules, const char *headers, struct bytes body, bool decode)
{
    static struct text out;
    struct ready r;
    struct arena *a = arena_create(MEMORY);
    struct http_message request, response;
    const char *error;
    struct waf_options options = {.time = 1, .decode_responses = decode};
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%s\r\n", headers);
    struct bytes raw = joined(bytes_of_text(head), body);
    text_free(&out);
    out = text_new(1 << 16);
    ready_open(rules, false, &r);
    assert_true(http_request_read(bytes_of_text("GET / HTTP/1.1\r\n\r\n"), a, &request, &error) && http_response_read(raw, a, &response, &error));
    struct waf_transaction *t = transaction_begin(&r.program, a, &options);
    transaction_request(t, &r.scratch, &request);
    transaction_response(t, &r.scratch, &response);
    const struct waf_outcome *o = transaction_end(t, &r.scratch);
    text_puts(&out, o->decision == WAF_PASS ? "pass" : "deny");
    for (long id = 1; id <= 2; id++)
        if (has_fired(&r, o, id))
            text_printf(&out, " %ld", id);
    for (size_t i = 0; i < o->limit_count; i++)
        text_printf(&out, "; %s", o->limits[i]);
    free((void *)(uintptr_t)raw.at);
    arena_destroy(a);
    ready_close(&r);
    return text_cstr(&out);
}

static void a_coded_body_is_seen_through(void **state)
{
    static const struct {
        const char *headers, *made;
    } cases[] = {{"Content-Encoding: gzip\r\n", "gzip"}, {"content-encoding: X-GZIP\r\n", "gzip"}, {"Content-Encoding: deflate\r\n", "deflate"},
        {"Content-Encoding: deflate\r\n", "raw"}, {"Content-Encoding: identity, br\r\n", "br"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes body = coded(secret(), cases[i].made);
        assert_string_equal(said(RULES, cases[i].headers, body, true), "pass 1");
        assert_string_equal(said(RULES, cases[i].headers, body, false), "pass; the response's body is compressed: it was inspected as it is");
        coded_free(body);
    }
    struct bytes one = coded(secret(), "gzip"), two = coded(one, "br");
    assert_string_equal(said(RULES, "Content-Encoding: gzip, br\r\n", two, true), "pass 1");
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\nX: y\r\nContent-Encoding: br\r\n", two, true), "pass 1");
    coded_free(one);
    coded_free(two);
}

static void what_is_not_decoded_is_said(void **state)
{
    assert_string_equal(said(RULES, "Content-Encoding: zstd\r\n", secret(), true), "pass 1; the response's body is compressed: it was inspected as it is");
    assert_string_equal(said(RULES, "Content-Encoding: gzip, gzip, gzip, gzip\r\n", secret(), true),
        "pass 1; the response's body has more content codings than are taken off: it was inspected as it is");
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\n", secret(), true), "pass 1; the response's body is not compressed as it says: it was inspected as it is");
    assert_string_equal(said(RULES, "Content-Encoding: identity\r\n", secret(), true), "pass 1");
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\n", (struct bytes){0}, true), "pass"); /* as after HEAD */
}

static void faults_are_said_and_the_rest_is_seen(void **state)
{
    struct bytes body = coded(secret(), "gzip"), longer = joined(body, secret());
    ((uint8_t *)(uintptr_t)longer.at)[body.len - 8] ^= 1; /* in the checksum */
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\n", bytes_slice(body, 0, body.len - 8), true),
        "pass 1; the response's compressed body is cut short; what was there of it was inspected");
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\n", bytes_slice(longer, 0, body.len), true),
        "pass 1; the response's compressed body is broken; what lies behind was not inspected");
    ((uint8_t *)(uintptr_t)longer.at)[body.len - 8] ^= 1;
    assert_string_equal(said(RULES, "Content-Encoding: gzip\r\n", longer, true),
        "pass 1; bytes stand behind the end of the response's compressed body; they were not inspected");
    coded_free(body);
    coded_free(longer);
}

static void limits_are_of_what_it_decompresses_to(void **state)
{
    struct bytes body = coded(secret(), "br"), zeros = {.at = calloc(1, (size_t)32 << 20), .len = (size_t)32 << 20}, bomb = coded(zeros, "br");
    char exact[1024], less[1024];
    snprintf(exact, sizeof exact, RULES "SecResponseBodyLimit %zu\n", secret().len);
    snprintf(less, sizeof less, PARTIAL "SecResponseBodyLimit %zu\n", secret().len - 1);
    assert_string_equal(said(exact, "Content-Encoding: br\r\n", body, true), "pass 1");
    assert_string_equal(said(less, "Content-Encoding: br\r\n", body, true), "pass 1 2; the body is larger than its limit, decompressed; what lies behind it was not inspected");
    assert_string_equal(said(RULES "SecResponseBodyLimit 10\n", "Content-Encoding: br\r\n", body, true), "deny; the body is larger than its limit, decompressed");
    assert_string_equal(said(RULES, "Content-Encoding: br\r\n", bomb, true), "deny; the response's body decompresses to too many times its size");
    assert_string_equal(said(PARTIAL, "Content-Encoding: br\r\n", bomb, true),
        "pass 2; the response's body decompresses to too many times its size; what lies behind was not inspected");
    coded_free(body);
    coded_free(zeros);
    coded_free(bomb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coded_body_is_seen_through),
        cmocka_unit_test(what_is_not_decoded_is_said),
        cmocka_unit_test(faults_are_said_and_the_rest_is_seen),
        cmocka_unit_test(limits_are_of_what_it_decompresses_to),
    };
    return cmocka_run_group_tests_name("waf-coded", tests, NULL, NULL);
}
