/* SPDX-License-Identifier: Apache-2.0 */
/* Script in a page is found in each place a value may stand in; markup that formats, and talk, is not. */
#include "values.h"

#include "waf/detect/xss_url.h"

#define EACH(want, ...) \
    static const char *const values[] = {__VA_ARGS__}; \
    all_are(values, sizeof values / sizeof values[0], false, want)

static void elements(void **state)
{
    EACH(true, "<script>alert(1)</script>", "x<SCRIPT\n>", "<script", "<iframe src=x>", "<svg><animate>", "<object data=x>", "<embed src=x>", "<base href=//x>", "<meta http-equiv=refresh>", "<link rel=stylesheet href=x>",
        "<style>@import 'x'</style>", "--><script>", "<<script>", "<svg:script>", "\"><script>", "<a href='\"><script>");
}

static void events(void **state)
{
    EACH(true, "<img src=x onerror=alert(1)>", "<svg/onload=a>", "<p onclick = 'a'>", "<x a='b'onfocus=c>", "<body\tonpageshow=a", "\" onload=\"a", "' onclick=a x='", "x onerror=a", "onload=a",
        "\"autofocus/onfocus=a", "`onload=a", "<details open ontoggle=a>");
}

static void urls(void **state)
{
    EACH(true, "<a href=javascript:a>", "<a href=\" JaVaScRiPt:a\">", "<a href='java&#115;cript:a'>", "<a href=\"java&#x0000073;cript&colon;a\">", "<a href='java\tscript:a'>", "<a href=java&Tab;script:a>",
        "<form action=vbscript:a>", "<button formaction='javascript:a'>", "<x xlink:href='javascript:a'>", "<a href='data:text/html,<b>'>", "\" href=\"javascript:a", "<animate values='a;javascript:b'>");
}

static void other_ways(void **state)
{
    EACH(true, "<p style='width:expression(a)'>", "<p style=\"background:url(x)\">", "<p style='position:fixed'>", "<x srcdoc='&lt;script>'>", "<!DOCTYPE a [<!ENTITY b \"c\">]>", "<!--[if IE]>a<![endif]-->", "<?import a>",
        "<!entity a>");
}

static void text_and_formats_are_none(void **state)
{
    EACH(false, "", "a < b and c > d", "I <3 you", "<p>text</p>", "<b>a</b> <i>b</i>", "<p style=\"text-align: center\">", "<a href=\"https://a.b/c?d=e&amp;f=g\">h</a>", "<img src=\"/a.png\" alt=\"b c\">",
        "<img src='data:image/png;base64,aGVsbG8='>", "List<Object> x", "std::vector<link> y", "#include <stdio.h>", "one = 1", "only=5", "online=true", "el.onclick = f", "the style = modern", "<!-- a -->",
        "<a@b.c>", "if (a<b && c>d)", "<?xml version=\"1.0\"?><a>b</a>", "<scripts>", "<svg-icon>", "</script>", "javascript: the good parts", "{\"style\": \"y=z\"}", "x=1&y=2", "<!= b");
}

static void url_schemes(void **state)
{
    assert_true(xss_url_runs(bytes_of_text("\x01 javascript:")));
    assert_true(xss_url_runs(bytes_of_text("&#106;avascript:")));
    assert_true(xss_url_runs(bytes_of_text("data:image/svg+xml,<svg>")));
    assert_false(xss_url_runs(bytes_of_text("data:image/png;base64,a")));
    assert_false(xss_url_runs(bytes_of_text("https://javascript:80/")));
    assert_false(xss_url_runs(bytes_of_text("javascript")));
    assert_false(xss_url_runs(bytes_of_text("&#99999999999999999999;javascript:")));
}

static void findings_say_where_and_why(void **state)
{
    struct xss_finding f;
    assert_true(xss_detect(bytes_of_text("ab<img src=x onerror=y>"), &f));
    assert_int_equal(f.reason, XSS_EVENT);
    assert_int_equal(f.at, 13);
    assert_int_equal(f.len, 9);
    assert_true(xss_detect(bytes_of_text("ab<script>"), &f));
    assert_int_equal(f.reason, XSS_TAG);
    assert_int_equal(f.at, 2);
    assert_string_equal(xss_reason_name(f.reason), "element");
}

static void random_values_stay_in_bounds(void **state)
{
    random_bytes_are_read_within_bounds(false, "<<>>''\"`==/ !-?&#xon;ahref:[]\n\t");
}

static void long_values_take_linear_time(void **state)
{
    static const char *const parts[] = {"<", "<a ", "<!---->", "<!--", "<a style='", "a='b' ", "<a style=\"&#0", "<?>", "</ >", "=", "' \" ` ", "&#x"};
    size_t len = 1 << 19;
    char *value = malloc(len);
    assert_non_null(value);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        size_t part = strlen(parts[p]);
        for (size_t i = 0; i < len; i++)
            value[i] = parts[p][i % part];
        detects(value, len, false);
    }
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(events),
        cmocka_unit_test(urls),
        cmocka_unit_test(other_ways),
        cmocka_unit_test(text_and_formats_are_none),
        cmocka_unit_test(url_schemes),
        cmocka_unit_test(findings_say_where_and_why),
        cmocka_unit_test(random_values_stay_in_bounds),
        cmocka_unit_test(long_values_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
