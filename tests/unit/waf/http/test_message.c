/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP messages as bytes: what is taken apart, what is let through for the rules to judge, what is no HTTP. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/base/check.h"
#include "waf/http/message.h"

#define MEMORY ((size_t)64 << 20)

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_create(MEMORY);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

static struct http_message request(const char *raw)
{
    struct http_message m;
    const char *error = "";
    if (!http_request_read(bytes_of_text(raw), arena, &m, &error))
        fail_msg("%s", error);
    return m;
}

static void is(struct bytes b, const char *text)
{
    assert_int_equal(b.len, strlen(text));
    if (b.len)
        assert_memory_equal(b.at, text, b.len);
}

static void no_request(const char *raw, const char *why)
{
    struct http_message m;
    const char *error = "";
    assert_false(http_request_read(bytes_of_text(raw), arena, &m, &error));
    assert_non_null(strstr(error, why));
}

static void a_request_is_taken_apart(void **state)
{
    struct http_message m = request("POST /a?b=c HTTP/1.1\r\nHost: example.org\r\nX:  two \t\r\n\r\nbody\r\n");
    is(m.method, "POST");
    is(m.target, "/a?b=c");
    is(m.protocol, "HTTP/1.1");
    assert_int_equal(m.header_count, 2);
    is(m.headers[0].name, "Host");
    is(m.headers[0].value, "example.org");
    is(m.headers[1].value, "two");
    is(m.body, "body\r\n");
}

static void lines_may_end_in_a_bare_newline(void **state)
{
    struct http_message m = request("GET / HTTP/1.0\nA: b\n\nrest");
    assert_int_equal(m.header_count, 1);
    is(m.headers[0].value, "b");
    is(m.body, "rest");
}

static void a_target_keeps_its_blanks_for_the_rules(void **state)
{
    struct http_message m = request("GET /a b  c HTTP/1.1\r\n\r\n");
    is(m.target, "/a b  c");
    is(m.protocol, "HTTP/1.1");
}

static void a_request_without_protocol_is_http_0_9(void **state)
{
    struct http_message m = request("GET /\r\n\r\n");
    is(m.target, "/");
    is(m.protocol, "");
}

static void a_folded_value_is_one_line(void **state)
{
    struct http_message m = request("GET / HTTP/1.1\r\nA: b\r\n  c \r\n\td\r\nE: f\r\n g\r\n\r\n");
    is(m.headers[0].value, "b c d");
    is(m.headers[1].value, "f g");
}

static void folding_without_end_is_not_quadratic(void **state)
{
    enum { LINES = 400000 };
    struct text t = text_new(MEMORY);
    text_puts(&t, "GET / HTTP/1.1\r\nA: b\r\n");
    for (int i = 0; i < LINES; i++)
        text_puts(&t, " x\r\n");
    text_puts(&t, "\r\n");
    struct http_message m = request(text_cstr(&t));
    assert_int_equal(m.headers[0].value.len, 1 + 2 * LINES);
    text_free(&t);
}

static void chunks_are_put_together(void **state)
{
    struct http_message m = request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n");
    is(m.body, "abc0123456789");
}

static void broken_chunks_are_no_http(void **state)
{
    static const char *const bodies[] = {"3\r\nab", "zz\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n", "ffffffffffffffffffff\r\nabc\r\n", "3\r\nabc\r\n", "-1\r\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char raw[256];
        snprintf(raw, sizeof raw, "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n%s", bodies[i]);
        no_request(raw, "chunk");
    }
}

static void what_has_no_parts_is_no_http(void **state)
{
    no_request("", "empty");
    no_request("\r\n\r\n", "empty");
    no_request("rubbish\r\n\r\n", "first line");
    no_request("not http at all\r\n\r\n", "version");
    no_request("GET / HTPP/1.1\r\n\r\n", "version");
    no_request("GET / HTTP/1.1\r\n folded: first\r\n\r\n", "begins with a blank");
    no_request("GET / HTTP/1.1\r\nno colon\r\n\r\n", "colon");
}

static void too_many_headers_are_an_error(void **state)
{
    struct text t = text_new(MEMORY);
    text_puts(&t, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        text_puts(&t, "a: b\r\n");
    no_request(text_cstr(&t), "more header lines");
    text_free(&t);
}

static void a_response_is_taken_apart(void **state)
{
    struct http_message m;
    const char *error;
    assert_true(http_response_read(bytes_of_text("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nx"), arena, &m, &error));
    is(m.status, "404");
    is(m.reason, "Not Found");
    is(m.response_protocol, "HTTP/1.1");
    is(m.body, "x");
    assert_false(http_response_read(bytes_of_text("HTTP/1.1 4o4 X\r\n\r\n"), arena, &m, &error));
}

static void headers_are_found_whatever_their_case(void **state)
{
    struct http_message m = request("GET / HTTP/1.1\r\ncontent-TYPE: a\r\nContent-Type: b\r\n\r\n");
    is(http_header_find(&m, "Content-Type")->value, "a");
    assert_null(http_header_find(&m, "Content"));
}

/* Cut short anywhere it is another message or none, and nothing is read beyond its end (sanitizers). */
static void any_beginning_of_a_message_is_read_or_refused(void **state)
{
    const char *raw = "POST /x HTTP/1.1\r\nA: b\r\n c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (size_t n = 0; n <= strlen(raw); n++) {
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, raw, n);
        struct http_message m;
        const char *error;
        (void)!http_request_read(bytes_of(copy, n), arena, &m, &error);
        free(copy);
    }
}

static void memory_that_runs_out_is_said(void **state)
{
    const char *raw = "POST /x HTTP/1.1\r\nA: b\r\n c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (uint64_t nth = 1; nth <= 3; nth++) {
        struct http_message m;
        const char *error = "";
        arena_fail_at(arena, nth);
        assert_false(http_request_read(bytes_of_text(raw), arena, &m, &error));
        assert_string_equal(error, "out of memory");
        arena_fail_at(arena, 0);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_request_is_taken_apart),
        CASE(lines_may_end_in_a_bare_newline),
        CASE(a_target_keeps_its_blanks_for_the_rules),
        CASE(a_request_without_protocol_is_http_0_9),
        CASE(a_folded_value_is_one_line),
        CASE(folding_without_end_is_not_quadratic),
        CASE(chunks_are_put_together),
        CASE(broken_chunks_are_no_http),
        CASE(what_has_no_parts_is_no_http),
        CASE(too_many_headers_are_an_error),
        CASE(a_response_is_taken_apart),
        CASE(headers_are_found_whatever_their_case),
        CASE(any_beginning_of_a_message_is_read_or_refused),
        CASE(memory_that_runs_out_is_said),
    };
    return cmocka_run_group_tests_name("waf-message", tests, NULL, NULL);
}
