/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of names and values: what is decoded, what is not, and how many there may be. */
#include "waf/body/urlencoded.h"

#include <stdio.h>

#include "check.h"
#include "collect.h"

static void pairs_are_split_and_decoded(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"", ""},
        {"a=b", "arg a=b\n"},
        {"a", "arg a=\n"},
        {"=b", "arg =b\n"},
        {"a=b=c", "arg a=b=c\n"},
        {"a=1&a=2", "arg a=1\narg a=2\n"},
        {"&", "arg =\n"},
        {"a&&b&", "arg a=\narg =\narg b=\n"},
        {"a+b=%41%62%6A%3d", "arg a b=Abj=\n"},
        {"%26=%3D&c=d", "arg &==\narg c=d\n"},
        {"a=%", "arg a=%\nflag URLENCODED_ERROR 1\n"},
        {"a=%4", "arg a=%4\nflag URLENCODED_ERROR 1\n"},
        {"%4g=%zz&b=%%41", "arg %4g=%zz\narg b=%A\nflag URLENCODED_ERROR 1\n"},
        {"a=%41", "arg a=A\n"},
        {"a;b=c", "arg a;b=c\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        must_give(BODY_URLENCODED, "", NULL, bytes_of_text(cases[i].in), cases[i].want);
    must_give(BODY_URLENCODED, "", &(struct body_limits){.separator = ';'}, bytes_of_text("a&b;c=d"),
              "arg a&b=\narg c=d\n");
}

/* The text is looked at sixteen bytes at a time. */
static void a_fault_is_told_wherever_it_stands(void **state)
{
    static const char fill[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (int before = 0; before < 36; before++)
        for (int behind = 0; behind < 18; behind++) {
            char in[128], want[160];
            int len = snprintf(in, sizeof in, "%.*s%%4%.*s", before, fill, behind, "zzzzzzzzzzzzzzzzzzzzz");
            snprintf(want, sizeof want, "arg %.*s%%4%.*s=\nflag URLENCODED_ERROR 1\n", before, fill, behind, "zzzzzzzzzzzzzzzzzzzzz");
            must_give(BODY_URLENCODED, "", NULL, bytes_of(in, (size_t)len), want);
            len = snprintf(in, sizeof in, "%.*s%%41+%.*s", before, fill, behind, fill);
            snprintf(want, sizeof want, "arg %.*sA %.*s=\n", before, fill, behind, fill);
            must_give(BODY_URLENCODED, "", NULL, bytes_of(in, (size_t)len), want);
        }
}

static void what_is_past_a_bound_is_told_and_not_given(void **state)
{
    must_give(BODY_URLENCODED, "", &(struct body_limits){.arguments = 2}, bytes_of_text("a&b&c&d=%"),
              "arg a=\narg b=\nlimit 0 2\nflag URLENCODED_ERROR 1\n");
    struct collected c = collect(BODY_URLENCODED, "", &(struct body_limits){.no_files = 4}, bytes_of_text("a=bcd"), 2, 0);
    assert_string_equal(text_cstr(&c.text), "limit 6 4\n");
    assert_int_equal(c.status, BODY_BROKEN);
    text_free(&c.text);
}

static bool points_into(void *context, const struct body_event *e)
{
    const struct bytes *in = context;
    if (e->kind == BODY_ARGUMENT)
        assert_true(e->name.at >= in->at && e->name.at < in->at + in->len);
    return true;
}

static void what_is_not_encoded_is_not_copied(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes in = bytes_of_text("abc=def&g=h");
    struct body_sink sink = {.take = points_into, .context = &in};
    assert_int_equal(urlencoded_split(in, &(struct body_limits){0}, sink, arena), BODY_MORE);
    assert_int_equal(arena_allocations(arena), 0);
    arena_destroy(arena);
}

static void a_hundred_thousand_arguments_are_counted(void **state)
{
    struct text t = text_new(1 << 24);
    for (int i = 0; i < 100000; i++)
        text_puts(&t, "a=%41&");
    struct collected c = collect(BODY_URLENCODED, "", &(struct body_limits){0}, bytes_of(t.at, t.len), 1000, 0);
    assert_int_equal(c.arguments, 100000);
    text_free(&c.text);
    text_free(&t);
}

static void it_survives(void **state)
{
    must_survive(BODY_URLENCODED, "", bytes_of_text("a=%41&+=b&%=%4&c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_split_and_decoded),
        cmocka_unit_test(a_fault_is_told_wherever_it_stands),
        cmocka_unit_test(what_is_past_a_bound_is_told_and_not_given),
        cmocka_unit_test(what_is_not_encoded_is_not_copied),
        cmocka_unit_test(a_hundred_thousand_arguments_are_counted),
        cmocka_unit_test(it_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
