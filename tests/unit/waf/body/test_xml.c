/* SPDX-License-Identifier: Apache-2.0 */
/* XML: the root's text, the attributes, and what is refused. */
#include "check.h"
#include "collect.h"

#define BROKEN "error =XML parsing error: XML: Failed parsing document.\n"

static void text_and_attributes_are_given(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"<a/>", "content =\n"},
        {"<a>x<b>y</b>z</a>", "content =xyz\n"},
        {"<a p='1' q=\"\"><b r='&lt;&amp;&#65;'/>&amp;&#x42;<![CDATA[<c>]]><!-- no --></a>",
         "attribute =1\nattribute =\nattribute =<&A\ncontent =&B<c>\n"},
        {"<?xml version='1.0'?><n:a xmlns:n='u' n:b='v'>t</n:a>", "attribute =v\ncontent =t\n"},
        {"<a>\xc3\xa4 \n </a>", "content =\xc3\xa4 \n \n"},
        {"", BROKEN},
        {"x", BROKEN},
        {"<a></b>", "content =\n" BROKEN},
        {"<a p='1'>x", "attribute =1\ncontent =\n" BROKEN},
        {"<!DOCTYPE a [<!ENTITY e 'boo'>]><a>1&e;2</a>", "limit 7 0\ncontent =1\n" BROKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must_give(BODY_XML, "", NULL, bytes_of_text(cases[i].in), cases[i].want);
}

static void a_bound_that_is_passed_is_told(void **state)
{
    must_give(BODY_XML, "", &(struct body_limits){.depth = 2}, bytes_of_text("<a>1<b>2<c>3</c></b></a>"),
              "limit 2 2\ncontent =12\n" BROKEN);
    must_give(BODY_XML, "", &(struct body_limits){.arguments = 1}, bytes_of_text("<a b='1' c='2'/>"),
              "attribute =1\nlimit 0 1\ncontent =\n" BROKEN);
}

/* Before, 1 MB of attributes took seconds, and so did elements for which thousands of them have a default. */
static void markup_has_bounds(void **state)
{
    static const struct {
        const char *before, *piece, *after;
        int most, more; /* of the pieces that are surely read, and of these how many times as many are not */
    } cases[] = {
        {"<a", " b%d=''", "/>", 1000, 2}, {"<a xmlns:n='u'", " n:b%d=''", "/>", 999, 2}, {"<a", " xmlns:b%d='u'", "/>", 1000, 2},
        {"<!DOCTYPE a [", "<!ATTLIST a b%d CDATA 'x'>", "]><a/>", 100, 2}, {"<!DOCTYPE a [<!ATTLIST a ", " b%d CDATA 'x'", ">]><a/>", 100, 2},
        {"<a><!--", "%08d ", "--></a>", 29000, 2}, {"<a b='", "%08d ", "'/>", 29000, 2}, {"<a><?b ", "%08d ", "?></a>", 29000, 2},
        {"<!DOCTYPE a [", "<!ENTITY b%05d ''>", "]><a/>", 14000, 2}, {"<a>", "<n%05d/>", "</a>", 10000, 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int beyond = 0; beyond < 2; beyond++) {
            struct text t = text_new((size_t)8 << 20);
            text_puts(&t, cases[i].before);
            for (int k = 0; k < (beyond ? cases[i].most * cases[i].more + 1 : cases[i].most); k++)
                text_printf(&t, cases[i].piece, k);
            text_puts(&t, cases[i].after);
            assert_false(t.failed);
            struct collected c = collect(BODY_XML, "", &(struct body_limits){0}, bytes_of(t.at, t.len), 0, 0);
            assert_int_equal(c.status, beyond ? BODY_BROKEN : BODY_MORE);
            assert_int_equal(strstr(text_cstr(&c.text), "limit 8 ") != NULL, beyond);
            text_free(&c.text);
            text_free(&t);
        }
}

/* Text and CDATA are no markup: they may be as long as they like. */
static void text_has_no_bound_of_its_own(void **state)
{
    static const struct {
        const char *before, *piece, *after;
    } cases[] = {{"<a>", "it's \"text\" > 1 ", "</a>"}, {"<a><![CDATA[", "it's \"text\" ]> ", "]]></a>"}, {"<a><![CDATA[", "no end", "]]></a>"},
        {"<a><![CDATA[", "]]", "]]></a>"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 0; piece < 20000; piece = piece * 5 + 1999) {
            struct text t = text_new((size_t)8 << 20);
            text_puts(&t, cases[i].before);
            for (int k = 0; k < 100000; k++)
                text_puts(&t, cases[i].piece);
            text_puts(&t, cases[i].after);
            struct collected c = collect(BODY_XML, "", &(struct body_limits){0}, bytes_of(t.at, t.len), piece, 0);
            assert_int_equal(c.status, BODY_MORE);
            assert_int_equal(c.text.len, strlen("content =\n") + 100000 * strlen(cases[i].piece));
            text_free(&c.text);
            text_free(&t);
        }
}

static void a_hundred_thousand_levels_are_refused(void **state)
{
    struct text t = text_new(1 << 20);
    for (int i = 0; i < 100000; i++)
        text_puts(&t, "<a>");
    struct collected c = collect(BODY_XML, "", &(struct body_limits){0}, bytes_of(t.at, t.len), 0, 0);
    assert_int_equal(c.status, BODY_BROKEN);
    text_free(&c.text);
    text_free(&t);
}

static void it_survives(void **state)
{
    must_survive(BODY_XML, "", bytes_of_text("<?xml version='1.0'?><a b='1&amp;'>t<c d='2'/><![CDATA[u]]></a>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_attributes_are_given),
        cmocka_unit_test(a_bound_that_is_passed_is_told),
        cmocka_unit_test(markup_has_bounds),
        cmocka_unit_test(text_has_no_bound_of_its_own),
        cmocka_unit_test(a_hundred_thousand_levels_are_refused),
        cmocka_unit_test(it_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
