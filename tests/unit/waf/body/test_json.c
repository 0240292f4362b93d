/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: names of values, bounds, and the texts of errors. */
#include "check.h"
#include "collect.h"

static void every_value_has_its_name(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"", ""},
        {"1", "arg json=1\n"},
        {"{\"a\":1}", "arg json.a=1\n"},
        {"{\"a\":{\"b\":\"x\\u0041\",\"c\":null},\"d\":true,\"e\":false}",
         "arg json.a.b=xA\narg json.a.c=\narg json.d=true\narg json.e=false\n"},
        {"{\"a\":[1,-2.5e3,[3]],\"\":4}",
         "arg json.a.array_0=1\narg json.a.array_1=-2.5e3\narg json.a.array_2.array_0=3\narg json.empty-key=4\n"},
        {"[{\"b\":2},{\"b\":3}]", "arg json.array_0.b=2\narg json.array_1.b=3\n"},
        {"{}", ""},
        {"[[],[],1]", "arg json.array_2=1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must_give(BODY_JSON, "", NULL, bytes_of_text(cases[i].in), cases[i].want);
}

static void errors_have_the_texts_of_yajl(void **state)
{
    must_give(BODY_JSON, "", NULL, bytes_of_text("{\"a\":1"),
              "arg json.a=1\nerror =JSON parsing error: parse error: premature EOF\n\n");
    must_give(BODY_JSON, "", NULL, bytes_of_text("[1] x"),
              "arg json.array_0=1\nerror =JSON parsing error: parse error: trailing garbage\n\n");
    must_give(BODY_JSON, "", NULL, bytes_of_text("?"),
              "error =JSON parsing error: lexical error: invalid char in json text.\n\n");
}

#define CANCELLED "error =JSON parsing error: parse error: client cancelled parse via callback return value\n"

static void a_bound_that_is_passed_is_told(void **state)
{
    must_give(BODY_JSON, "", &(struct body_limits){.depth = 2}, bytes_of_text("[[1,[2]]]"),
              "arg json.array_0.array_0=1\nlimit 2 2\n" CANCELLED ". Parsing depth limit exceeded\n");
    must_give(BODY_JSON, "", &(struct body_limits){.arguments = 1}, bytes_of_text("[1,2,3]"),
              "arg json.array_0=1\nlimit 0 1\n" CANCELLED "\n");
    must_give(BODY_JSON, "", &(struct body_limits){.argument_bytes = 15}, bytes_of_text("[1,2,3]"),
              "arg json.array_0=1\nlimit 1 15\n" CANCELLED "\n");
}

static void a_hundred_thousand_levels_end_at_the_bound(void **state)
{
    struct text t = text_new(1 << 20);
    for (int i = 0; i < 100000; i++)
        text_puts(&t, "[");
    struct collected c = collect(BODY_JSON, "", &(struct body_limits){0}, bytes_of(t.at, t.len), 0, 0);
    assert_string_equal(text_cstr(&c.text), "limit 2 10000\n" CANCELLED ". Parsing depth limit exceeded\n");
    text_free(&c.text);
    c = collect(BODY_JSON, "", &(struct body_limits){.depth = 100000}, bytes_of(t.at, t.len), 0, 0);
    assert_string_equal(text_cstr(&c.text), "error =JSON parsing error: parse error: premature EOF\n\n");
    text_free(&c.text);
    text_free(&t);
}

static void a_long_string_byte_by_byte_takes_linear_time(void **state)
{
    struct text t = text_new(4 << 20);
    text_puts(&t, "[\"");
    for (int i = 0; i < 1 << 20; i++)
        text_puts(&t, "x");
    text_puts(&t, "\"]");
    struct collected c = collect(BODY_JSON, "", &(struct body_limits){0}, bytes_of(t.at, t.len), 1, 0);
    assert_int_equal(c.arguments, 1);
    assert_int_equal(c.status, BODY_MORE);
    text_free(&c.text);
    text_free(&t);
}

static void it_survives(void **state)
{
    must_survive(BODY_JSON, "", bytes_of_text("{\"a\":[1,{\"b\\n\":\"\\u00e4\"},null],\"c\":{\"d\":[[true]]}} x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_its_name),
        cmocka_unit_test(errors_have_the_texts_of_yajl),
        cmocka_unit_test(a_bound_that_is_passed_is_told),
        cmocka_unit_test(a_hundred_thousand_levels_end_at_the_bound),
        cmocka_unit_test(a_long_string_byte_by_byte_takes_linear_time),
        cmocka_unit_test(it_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
