/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of an expression is what PCRE2 makes of it: sets byte by byte, and what never fits never matches. */
#include "tests/unit/base/check.h"

#include <string.h>

#include "base/text.h"
#include "tests/differential/twist_expression.h"
#include "waf/operator/regex.h"
#include "waf/pattern/node.h"

#define MEMORY      ((size_t)16 << 20)
#define CLASSES     3000
#define EXPRESSIONS 4000
#define VALUES      40

/* The set of an expression that is one set alone; NULL otherwise. */
static const struct byte_set *set_of(const struct pattern_tree *p)
{
    const struct node *sequence = p ? p->root->child : NULL, *only = sequence ? sequence->child : NULL;
    return only && !sequence->next && !only->next && only->kind == NODE_BYTE ? &only->set : NULL;
}

static enum regex_result finds(const char *expression, struct bytes value)
{
    struct regex_error error;
    struct regex *r = regex_compile(bytes_of_text(expression), false, &error);
    struct regex_scratch *s = regex_scratch_create(&(struct regex_limits){100000, 10000});
    enum regex_result result = r ? regex_match(r, s, value, NULL, NULL) : REGEX_ERROR;
    regex_scratch_free(s);
    regex_free(r);
    return result;
}

/* False: PCRE2 does not take it, or it is not one set. */
static bool is_as_pcre2_has_it(const char *expression)
{
    struct arena *a = arena_create(MEMORY);
    const struct byte_set *set = set_of(pattern_read(bytes_of_text(expression), a));
    struct regex_error error;
    struct regex *r = regex_compile(bytes_of_text(expression), false, &error);
    struct regex_scratch *s = regex_scratch_create(&(struct regex_limits){100000, 10000});
    for (unsigned i = 0; set && r && i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        if (byte_set_has(set, byte) != (regex_match(r, s, bytes_of(&byte, 1), NULL, NULL) == REGEX_YES))
            fail_msg("`%s`: byte %02x is %s", expression, i, byte_set_has(set, byte) ? "there" : "not there");
    }
    bool compared = set && r;
    regex_scratch_free(s);
    regex_free(r);
    arena_destroy(a);
    return compared;
}

static void sets_are_those_of_pcre2(void **state)
{
    static const char *const sets[] = {".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\h", "\\H", "\\v", "\\V", "\\N", "\\C", "\\x41", "\\x", "\\o{377}", "\\101", "\\0", "\\cA", "\\ca", "\\c?", "\\c[", "\\e", "\\pL", "\\PL",
        "\\p{Lu}", "\\P{Lu}", "\\p{^Lu}", "\\p{L&}", "\\p{Latin}", "\\p{Common}", "\\p{Any}", "\\p{Xan}", "\\p{Xsp}", "\\p{Sc}", "\\p{Nd}", "[\\p{Lu}\\d]", "[^\\p{Ll}a]", "[\\P{L}x]", "[[:alpha:]]", "[[:^alpha:]]", "[[:cntrl:]]", "[[:^cntrl:]]",
        "[[:ascii:]]", "[[:print:]]", "[[:graph:]]", "[[:punct:]]", "[[:word:]]", "[[:xdigit:]]", "[[:space:][:digit:]]", "[]a]", "[^]a]", "[a-]", "[-a]", "[+--]", "[a\\-z]", "[\\Qa-z\\E]", "[\\Q]\\E]", "[a\\Q\\E-c]",
        "[a-\\Qc\\E]", "[\\Qa\\E-c]", "[^\\Q^]\\E]", "[\\E]a]", "[\\E^a]", "[\\Q^\\E]", "[\\55]", "[\\8]", "[\\101-\\103]", "[\\b]", "[\\cA-\\cC]", "[\\o{60}-\\o{62}]", "[\\x{30}-9]", "[[a]", "[[.a]", "[\\\\]", "[\\]]", "[a#b]"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!is_as_pcre2_has_it(sets[i]))
            fail_msg("`%s` is not one set", sets[i]);
}

static void sets_made_by_chance_are_those_of_pcre2(void **state)
{
    static const char *const pieces[] = {"a", "c", "-", "-", "z", "]", "[", "^", " ", "#", "\\]", "\\-", "\\Q", "\\E", "\\w", "\\D", "\\h", "[:alpha:]", "[:^digit:]", "\\x41", "\\x5", "\\101", "\\5", "\\9", "\\b", "\\pL", "\\P{Lu}", "\\\\", "\xe9", "!"};
    struct random random = {.state = 1};
    size_t compared = 0;
    for (int i = 0; i < CLASSES; i++) {
        struct text t = text_new(1 << 10);
        text_puts(&t, random_chance(&random, 40) ? "[^" : "[");
        for (uint32_t n = 1 + random_below(&random, 6); n; n--)
            text_puts(&t, pieces[random_below(&random, sizeof pieces / sizeof *pieces)]);
        text_puts(&t, "]");
        compared += is_as_pcre2_has_it(text_cstr(&t));
        text_free(&t);
    }
    assert_true(compared > CLASSES / 4);
}

static bool fits(const char *expression, const char *among)
{
    struct arena *a = arena_create(MEMORY);
    const struct pattern_tree *p = pattern_read(bytes_of_text(expression), a);
    struct byte_set set = {0};
    for (const char *c = among; *c; c++)
        set_add(&set, (uint8_t)*c, (uint8_t)*c);
    if (!p)
        fail_msg("`%s` is not read", expression);
    bool yes = pattern_fits(p, &set);
    arena_destroy(a);
    return yes;
}

static void what_has_no_place_does_not_fit(void **state)
{
    static const struct {
        const char *expression;
        bool fits; /* letters a and b, of both cases */
    } cases[] = {{"a", true}, {"#", false}, {"a#?", true}, {"a|#", true}, {"(#)+", false}, {"\\p{Lu}", true}, {"\\p{N}", false}, {"(?(1)#|a)", true}, {"()(?(1)#)a", true}, {"()(?(1)#|!)a", false},
        {"(?(DEFINE)(?<x>#))a", true}, {"(?(DEFINE)(?<x>#))(?&x)a", true}, {"(#(?1)?)", false}, {"(a|(?R))", true}, {"#\\E*", true}, {"#(?#c)*", true}, {"\\Q#\\E?", true}, {"\\Qa#\\E?", true}, {"(?x)a # b", true},
        {"(?x)(?-x:a) # b\n", true}, {"(?-x:a) #", false}, {"a\\o{43}", false}, {"a\\cA", false}, {"[\\p{N}#]", false}, {"(a)\\1", true}, {"(?|(a)|(#))\\1", true}, {"a(*pla:#)", true}, {"(*atomic:#)", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fits(cases[i].expression, "aAbB") != cases[i].fits)
            fail_msg("`%s`", cases[i].expression);
}

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr(" _.,-", c));
}

/* Some of the sample's plain bytes, in their order. */
static size_t plain_value(struct random *random, const struct text *sample, uint8_t *out, size_t most)
{
    size_t len = 0;
    for (size_t i = 0; i < sample->len && len < most; i++)
        if (is_plain((uint8_t)text_cstr(sample)[i]) && !random_chance(random, 10))
            out[len++] = (uint8_t)text_cstr(sample)[i];
    return len;
}

/* Of expressions of every syntax: none that fits no plain bytes matches some. */
static void what_does_not_fit_does_not_match(void **state)
{
    struct random random = {.state = 7};
    struct byte_set plain = {0};
    size_t tried = 0;
    for (unsigned c = 0; c < 256; c++)
        if (is_plain((uint8_t)c))
            set_add(&plain, c, c);
    for (int i = 0; i < EXPRESSIONS; i++) {
        struct text e = text_new(1 << 16), sample = text_new(1 << 16);
        expression_make(&random, &e, &sample);
        struct arena *a = arena_create(MEMORY);
        const struct pattern_tree *p = pattern_read(bytes_of(text_cstr(&e), e.len), a);
        for (int v = 0; p && !pattern_fits(p, &plain) && v < VALUES; v++) {
            uint8_t value[64];
            size_t len = plain_value(&random, &sample, value, v ? sizeof value : 0);
            if (finds(text_cstr(&e), bytes_of(value, len)) == REGEX_YES)
                fail_msg("`%s` does not fit, and matches `%.*s`", text_cstr(&e), (int)len, (const char *)value);
            tried++;
        }
        arena_destroy(a);
        text_free(&e);
        text_free(&sample);
    }
    assert_true(tried > EXPRESSIONS);
}

/* What is left of it for letters a and b. */
static void what_cannot_match_is_left_out(void **state)
{
    static const char *const cases[][2] = {{"a|#|b", "a|b"}, {"#|a", "a"}, {"a|#", "a"}, {"#|!|a|#|b|!", "a|b"}, {"#", "#"}, {"a#*b", "a(?:)b"}, {"a#??b", "a(?:)b"}, {"x(?:#+|a)", "x(?:a)"}, {"(?:a|#+(b|c))b", "(?:a)b"},
        {"(?i)#|a", "(?i)a"}, {"a(?i)#|b", "a(?i)#|b"}, {"a(?i:#|b)", "a(?i:b)"}, {"(?:^|=)a", "(?:^)a"}, {"a|#?|b", "a|(?:)|b"}, {"(a|#)\\1", "(a|#)\\1"}, {"(?1)(a|#)", "(?1)(a|#)"}, {"(?x)a|#", "(?x)a|#"},
        {"(?=#|a)a", "(?=#|a)a"}, {"a{0}|#", "a{0}"}, {"a#{0,2}{2}b", "a(?:){2}b"}, {"(#|a)+", "(a)+"}, {"(?:(?:#|!)|a)b", "(?:a)b"}, {"", ""}, {"a||#", "a|"}, {"#||a", "|a"}, {"x=*{2}", "x(?:){2}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *a = arena_create(MEMORY);
        const struct pattern_tree *p = pattern_read(bytes_of_text(cases[i][0]), a);
        struct byte_set set = {0};
        struct bytes left;
        for (const char *c = "aAbBxX"; *c; c++)
            set_add(&set, (uint8_t)*c, (uint8_t)*c);
        assert_non_null(p);
        assert_true(pattern_among(p, &set, a, &left));
        if (!bytes_equal(left, bytes_of_text(cases[i][1])))
            fail_msg("`%s`: `%.*s`", cases[i][0], (int)left.len, (const char *)left.at);
        arena_destroy(a);
    }
}

/* Of expressions of every syntax: in plain bytes, what is left matches where the whole does. */
static void what_is_left_matches_the_same(void **state)
{
    struct random random = {.state = 11};
    struct byte_set plain = {0};
    size_t shorter = 0, matched = 0;
    for (unsigned c = 0; c < 256; c++)
        if (is_plain((uint8_t)c))
            set_add(&plain, c, c);
    for (int i = 0; i < EXPRESSIONS; i++) {
        struct text e = text_new(1 << 16), sample = text_new(1 << 16);
        struct bytes left;
        expression_make(&random, &e, &sample);
        struct arena *a = arena_create(MEMORY);
        const struct pattern_tree *p = pattern_read(bytes_of(text_cstr(&e), e.len), a);
        if (p && pattern_among(p, &plain, a, &left) && left.at != p->expression.at) {
            char *text = arena_text(a, (const char *)left.at, left.len);
            shorter += left.len < e.len;
            for (int v = 0; v < VALUES; v++) {
                uint8_t value[64];
                size_t len = plain_value(&random, &sample, value, v ? sizeof value : 0);
                enum regex_result whole = finds(text_cstr(&e), bytes_of(value, len));
                matched += whole == REGEX_YES;
                if ((whole == REGEX_YES || whole == REGEX_NO) && finds(text, bytes_of(value, len)) != whole)
                    fail_msg("`%s` and what is left of it, `%s`, do not agree on `%.*s`", text_cstr(&e), text, (int)len, (const char *)value);
            }
        }
        arena_destroy(a);
        text_free(&e);
        text_free(&sample);
    }
    print_message("# %zu expressions became shorter, %zu values matched\n", shorter, matched);
    assert_true(shorter > 100 && matched > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_those_of_pcre2),
        cmocka_unit_test(sets_made_by_chance_are_those_of_pcre2),
        cmocka_unit_test(what_has_no_place_does_not_fit),
        cmocka_unit_test(what_does_not_fit_does_not_match),
        cmocka_unit_test(what_cannot_match_is_left_out),
        cmocka_unit_test(what_is_left_matches_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
