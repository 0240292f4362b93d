/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests made to take all the memory or time there is, through the Core Rule Set at its highest paranoia level: once
 * with the limits of Debian's base configuration, once with none. Each ends within the arena and the time it is given, and
 * whatever was not looked at is said.
 */
#include <time.h>
#include <unistd.h>

#include "ready.h"
#include "worst.h"

#define MEMORY ((size_t)1 << 30)
#define RULES_TIME ((uint64_t)500000) /* microseconds that the rules get */
#define HANG 20.0                      /* seconds of processor time that nothing may take: it would be a hang */

/* The sanitizers see the same paths in a body of a quarter, which is also larger than Debian's limit. */
#ifdef __SANITIZE_ADDRESS__
#define HUGE_BODY ((size_t)16 << 20)
#else
#define HUGE_BODY ((size_t)64 << 20)
#endif

static struct ready debian, bare;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t since(void *start)
{
    return (uint64_t)((seconds() - *(double *)start) * 1e6);
}

/* Through one rule set; `must_say` is part of a limit, or "" when nothing need be. Without memory nothing else is said. */
static void through(struct ready *r, const char *rules, const char *name, struct bytes raw, const char *must_say)
{
    struct arena *a = arena_create(MEMORY);
    struct http_message m;
    const char *error;
    double start = seconds();
    struct waf_options options = {.client = bytes_of_text("192.0.2.1"), .time = 1, .duration = since, .most_time = RULES_TIME, .argument = &start};
    assert_true(http_request_read(raw, a, &m, &error));
    struct waf_transaction *t = transaction_begin(&r->program, a, &options);
    transaction_request(t, &r->scratch, &m);
    const struct waf_outcome *o = transaction_end(t, &r->scratch);
    double took = seconds() - start;
    print_message("# %-28s %-7s %s %3d, %5.0f ms, %4zu MiB%s%s\n", name, rules, o->decision == WAF_PASS ? "pass" : "deny", o->status, took * 1e3,
        arena_used(a) >> 20, o->limit_count ? ": " : "", o->limit_count ? o->limits[o->limit_count - 1] : "");
    assert_true(took < HANG);
    assert_true(arena_used(a) <= MEMORY);
    assert_true(has_limit(o, must_say) || has_limit(o, "memory ran out") || !must_say[0]);
    if (has_limit(o, "ran out"))
        assert_int_equal(o->decision, WAF_DENY);
    arena_destroy(a);
}

/* `with` is what Debian's limits must say, `without` what is said all the same when there are none. */
static void try_request(const char *name, struct bytes raw, const char *with, const char *without)
{
    through(&debian, "debian", name, raw, with);
    through(&bare, "bare", name, raw, without);
    free((void *)(uintptr_t)raw.at);
}

static int open_rules(void **state)
{
    if (access(CRS_FOLDER, R_OK) != 0)
        return 0;
    ready_open(CRS_RULES("Include " CRS_BASE "\nSecRuleEngine On\nSecAuditEngine Off\n"), true, &debian);
    ready_open(CRS_RULES("SecRuleEngine On\nSecRequestBodyAccess On\n"
                         "SecRule REQUEST_HEADERS:Content-Type \"xml\" \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
                         "SecRule REQUEST_HEADERS:Content-Type \"json\" \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"),
        true, &bare);
    return 0;
}

static int close_rules(void **state)
{
    if (debian.arena) {
        ready_close(&debian);
        ready_close(&bare);
    }
    return 0;
}

static void needs_rules(void)
{
    if (!debian.arena) {
        print_message("# skip: modsecurity-crs is not installed\n");
        skip();
    }
}

static void nested_json_is_cut(void **state)
{
    needs_rules();
    try_request("JSON, 1,000,000 arrays", worst_request("application/json", "", "[", 1000000, ""), "", "nested too deep");
    try_request("JSON, 1,000,000 objects", worst_request("application/json", "", "{\"name\":", 1000000, "1"), "", "nested too deep");
    try_request("JSON, pairs at depth 400", worst_nested_pairs(400, 5000), "", "");
}

static void a_hundred_thousand_of_each(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded";
    needs_rules();
    try_request("arguments, one name", worst_request(form, "", "a=1&", 100000, ""), "", "");
    try_request("arguments, each its name", worst_numbered("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n", "a", "=", "&", 100000, ""), "", "");
    try_request("arguments of the query", worst_numbered("GET /?", "a", "=", "&", 100000, " HTTP/1.1\r\nHost: h\r\n\r\n"), "SecArgumentsLimit", "");
    try_request("JSON, pairs", worst_numbered("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n{", "\"a", "\":", ",", 100000, "\"z\":0}"), "", "");
    try_request("cookies, one name", worst_numbered("GET / HTTP/1.1\r\nHost: h\r\nCookie: ", "a=", "", "; ", 100000, "z=0\r\n\r\n"), "", "");
    try_request("cookies, each its name", worst_numbered("GET / HTTP/1.1\r\nHost: h\r\nCookie: ", "a", "=", "; ", 100000, "z=0\r\n\r\n"), "", "");
    try_request("parts", worst_numbered("POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n",
        "--B\r\nContent-Disposition: form-data; name=\"a", "\"\r\n\r\n", "\r\n", 100000, "--B--\r\n"), "", "more parts");
    try_request("headers, as many as are read", worst_numbered("GET / HTTP/1.1\r\n", "X-", ": ", "\r\n", HTTP_HEADERS_MAX, "\r\n"), "", "");
}

static void more_headers_are_no_message(void **state)
{
    struct bytes raw = worst_numbered("GET / HTTP/1.1\r\n", "X-", ": ", "\r\n", 100000, "\r\n");
    struct arena *a = arena_create(MEMORY);
    struct http_message m;
    const char *error;
    assert_false(http_request_read(raw, a, &m, &error));
    assert_string_equal(error, "more header lines than are read");
    assert_true(arena_used(a) < ((size_t)4 << 20));
    arena_destroy(a);
    free((void *)(uintptr_t)raw.at);
}

static void bodies_of_64_mib(void **state)
{
    static const char larger[] = "larger than";
    needs_rules();
    try_request("urlencoded, one value", worst_request("application/x-www-form-urlencoded", "a=", "Aa+%27", HUGE_BODY / 6, ""), larger, "");
    try_request("urlencoded, pairs", worst_request("application/x-www-form-urlencoded", "", "a=1&", HUGE_BODY / 4, ""), larger, "");
    try_request("JSON, one string", worst_request("application/json", "{\"a\":\"", "Aa '", HUGE_BODY / 4, "\"}"), larger, "");
    try_request("JSON, a list", worst_request("application/json", "[", "1,", HUGE_BODY / 2, "1]"), larger, "");
    try_request("multipart, one part", worst_request("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "Aa '", HUGE_BODY / 4,
        "\r\n--B--\r\n"), larger, "");
    try_request("multipart, one file", worst_request("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n", "Aa\n\r",
        HUGE_BODY / 4, "\r\n--B--\r\n"), larger, "");
    try_request("XML, text", worst_request("text/xml", "<a>", "Aa '", HUGE_BODY / 4, "</a>"), larger, "");
    try_request("XML, elements", worst_request("text/xml", "<a>", "<b c=''/>", HUGE_BODY / 9, "</a>"), larger, "");
    try_request("text", worst_request("text/plain", "", "Aa '", HUGE_BODY / 4, ""), larger, "");
}

/* libxml2 alone would take minutes for the first two, and hours for more. */
static void xml_of_many_names_is_cut(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n\r\n", said[] = "XML has a tag";
    char start[256];
    needs_rules();
    snprintf(start, sizeof start, "%s<a", head);
    try_request("XML, attributes of one tag", worst_numbered(start, " b", "='", "'", HUGE_BODY / 20, "/>"), "larger than", said);
    snprintf(start, sizeof start, "%s<a>", head);
    try_request("XML, names", worst_numbered(start, "<b", " c", "=''/>", HUGE_BODY / 24, "</a>"), "larger than", said);
    snprintf(start, sizeof start, "%s<!DOCTYPE a [", head);
    try_request("XML, declarations", worst_numbered(start, "<!ATTLIST a b", " CDATA '", "'>", HUGE_BODY / 32, "]><a/>"), "larger than", said);
}

static void bombs_of_xml_are_not_followed(void **state)
{
    static const char *const bombs[] = {
        "<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
        "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>]><a x='&f;'>&f;&f;&f;</a>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY % b 'c'><!ENTITY % d '%b;%b;%b;'>%d;]><a>b</a>",
        "<!DOCTYPE a [<!ENTITY b '&c;'><!ENTITY c '&b;'>]><a>&b;</a>",
    };
    needs_rules();
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++)
        try_request("XML, entities", worst_request("text/xml", bombs[i], "", 0, ""), i == 2 ? "" : "entities", i == 2 ? "" : "entities"); /* 2 does not parse at all */
    struct bytes entity = worst_repeated(bytes_of_text("<!DOCTYPE a [<!ENTITY b '"), "b", 60000, "'>]><a>");
    char *text = strndup((const char *)entity.at, entity.len);
    try_request("XML, a long entity", worst_request("text/xml", text, "&b;", 10000, "</a>"), "entities", "entities");
    free((void *)(uintptr_t)entity.at);
    free(text);
    try_request("XML, 1,000,000 deep", worst_request("text/xml", "", "<a>", 1000000, ""), "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_json_is_cut),
        cmocka_unit_test(a_hundred_thousand_of_each),
        cmocka_unit_test(more_headers_are_no_message),
        cmocka_unit_test(bodies_of_64_mib),
        cmocka_unit_test(xml_of_many_names_is_cut),
        cmocka_unit_test(bombs_of_xml_are_not_followed),
    };
    return cmocka_run_group_tests_name("waf-worst", tests, open_rules, close_rules);
}
