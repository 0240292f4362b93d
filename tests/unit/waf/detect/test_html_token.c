/* SPDX-License-Identifier: Apache-2.0 */
/* HTML's tokens in each state that a value may stand in, from the standard's tokenisation. */
#include "waf/detect/html_names.h"
#include "waf/detect/html_token.h"

#include <stdio.h>

#include "check.h"

/* T(name) A(name=value) C(text) D(text) I(text), one behind the other */
static void tokens_are(const char *value, enum html_state state, const char *want)
{
    char got[300] = {0};
    size_t len = 0;
    struct html_tokens tokens = html_tokens_over(bytes_of_text(value), state);
    for (struct html_token t = html_tokens_next(&tokens); t.kind != HTML_END; t = html_tokens_next(&tokens))
        len += (size_t)snprintf(got + len, sizeof got - len, "%c(%s%.*s%s%.*s)", " TACDI"[t.kind], t.kind == HTML_TAG && t.end_tag ? "/" : "",
            (int)t.name.len, (const char *)t.name.at, t.has_value ? "=" : "", (int)t.value.len, (const char *)t.value.at);
    assert_string_equal(got, want);
}

static void text_and_tags(void **state)
{
    tokens_are("a < b <3 <", HTML_DATA, "");
    tokens_are("a<b>c</b >", HTML_DATA, "T(b)T(/b)");
    tokens_are("<svg/onload=a>", HTML_DATA, "T(svg)A(onload=a)");
    tokens_are("<<a>", HTML_DATA, "T(a)");
    tokens_are("<a", HTML_DATA, "T(a)");
    tokens_are("</ x><b>", HTML_DATA, "T(b)");
}

static void attributes(void **state)
{
    tokens_are("<a b c=d e = 'f g' h=\"i>j\"k=l/m n>", HTML_DATA, "T(a)A(b)A(c=d)A(e=f g)A(h=i>j)A(k=l/m)A(n)");
    tokens_are("<a ==b 'c=d>", HTML_DATA, "T(a)A(==b)A('c=d)");
    tokens_are("<a b='never", HTML_DATA, "T(a)A(b=never)");
    tokens_are("<a b=", HTML_DATA, "T(a)A(b=)");
}

static void comments_and_declarations(void **state)
{
    tokens_are("<!-- a --><!--> <!---> <!--b--!><c>", HTML_DATA, "C( a )C()C()C(b)T(c)");
    tokens_are("<!doctype html><![if x]><?y?>", HTML_DATA, "D(doctype html)D([if x])I(y?)");
    tokens_are("<!-- <a>", HTML_DATA, "C( <a>)");
}

static void a_value_leaves_the_attribute_it_stands_in(void **state)
{
    tokens_are("a b=c", HTML_UNQUOTED, "A(b=c)");
    tokens_are("a><b>", HTML_UNQUOTED, "T(b)");
    tokens_are("a b=c", HTML_DOUBLE, "");
    tokens_are("a\"b=c ><d", HTML_DOUBLE, "A(b=c)T(d)");
    tokens_are("a'b=c", HTML_SINGLE, "A(b=c)");
    tokens_are("a`b=c", HTML_BACKQUOTED, "A(b=c)");
    tokens_are("b=c", HTML_IN_TAG, "A(b=c)");
}

static void names_are_found_in_any_case(void **state)
{
    static const char *const events[] = {"onload", "ONERROR", "onClick", "onabort", "onzoom", "onwebkitanimationend", "on\0load"};
    for (size_t i = 0; i < sizeof events / sizeof events[0] - 1; i++)
        assert_true(html_is_event(bytes_of_text(events[i])));
    assert_true(html_is_event(bytes_of("on\0load", 7)));
    static const char *const others[] = {"on", "online", "only", "once", "onfoobar", "load", "onloadx", ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(html_is_event(bytes_of_text(others[i])));
    assert_true(html_takes_url(bytes_of_text("HREF")) && html_takes_url(bytes_of_text("xlink:href")) && html_takes_url(bytes_of_text("action")));
    assert_false(html_takes_url(bytes_of_text("title")));
    assert_int_equal(html_element_danger(bytes_of_text("SCRIPT")), HTML_ALONE);
    assert_int_equal(html_element_danger(bytes_of_text("svg:script")), HTML_ALONE);
    assert_int_equal(html_element_danger(bytes_of_text("object")), HTML_WITH_ATTRIBUTES);
    assert_int_equal(html_element_danger(bytes_of_text("scripts")), HTML_HARMLESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_tags),
        cmocka_unit_test(attributes),
        cmocka_unit_test(comments_and_declarations),
        cmocka_unit_test(a_value_leaves_the_attribute_it_stands_in),
        cmocka_unit_test(names_are_found_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
