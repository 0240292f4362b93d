/* SPDX-License-Identifier: Apache-2.0 */
/* Texts made from expressions are matched by them; values are undone so that they arrive; an example fires its rule. */
#include "tests/unit/base/check.h"

#include <string.h>

#include "base/text.h"
#include "tests/unit/waf/engine/own_program.h"
#include "tests/unit/waf/language/files.h"
#include "waf/example/encode.h"
#include "waf/example/example.h"
#include "waf/example/pattern_make.h"
#include "waf/transform/transform.h"

#define MEMORY ((size_t)256 << 20)
#define TRIES  2000

static struct bytes bytes(const char *text)
{
    return bytes_of_text(text);
}

/* How many of the texts made from the expression it matches; -1: it is not read. */
static int matches(const char *expression)
{
    struct arena *a = arena_create(MEMORY);
    const struct pattern_tree *p = pattern_read(bytes(expression), a);
    struct regex_error error;
    struct regex *r = regex_compile(bytes(expression), false, &error);
    struct regex_scratch *s = regex_scratch_create(&(struct regex_limits){100000, 100000});
    struct chance c = chance_new(1);
    int found = p ? 0 : -1;
    if (!r)
        fail_msg("`%s`: %s", expression, error.text);
    for (int i = 0; p && i < TRIES; i++) {
        struct text t = text_new(3 * PATTERN_TEXT_MAX);
        pattern_make(p, &c, &t);
        assert_true(t.len <= 2 * PATTERN_TEXT_MAX);
        found += regex_match(r, s, bytes_of(text_cstr(&t), t.len), NULL, NULL) == REGEX_YES;
        text_free(&t);
    }
    regex_scratch_free(s);
    regex_free(r);
    arena_destroy(a);
    return found;
}

static void texts_made_from_an_expression_are_matched_by_it(void **state)
{
    static const char *const always[] = {"abc", "", "a|bc|", "(?:ab|c)d", "[a-f]{3}", "[^a-z]", "[]a]", "[^]a]", "[a\\]b]", "[a-]", "[\\w.-]+@x", "\\d{2,4}x*", "\\x41\\x{42}\\056",
        "a{,3}", "a{x}", "(?i)Ab", "(?i:ab)c", "(?>a|b)c", "(?P<n>a)b", "(?<n>a)b", "(a|b)\\1", "[[:digit:]]+[[:^digit:]]", "\\Qa.b\\E.", "a\\.b\\*", "[\\d\\s]", "(?#no)a", "(?x) a b # c\n d",
        "\\n\\t", "a+?b*+", "\\h\\N", "^a$", "(?s).", "[\\x00-\\x1f]", "((((a))))", "\\/\\-",
        /* other ways to write bytes and sets of them */
        "\\o{101}\\cA\\c?", "\\101\\60\\07", "[\\101-\\103\\8]", "[\\Qa-\\E]", "[\\Q]\\E]", "[a\\Q\\E-c]", "[^\\Q^-]\\E]", "(?xx)[a b]", "[\\o{101}\\cA]", "\\C\\X", "[[:^cntrl:]]", "[^[:ascii:]]",
        "\\p{Lu}\\PL\\pN", "\\p{^Lu}[\\p{Lu}\\P{L}][^\\p{L&}]", "\\p{Xan}\\p{Latin}\\p{Any}",
        /* marks between an atom and its quantifier */
        "a\\E{2}", "\\Qab\\E{2}", "a(?#c){2}", "a\\Q\\E{2}", "(?x)a # c\n {2} # d", "(?x:a b) c", "(?x)(?-x:a #b) # c", "(?x)(?^: )", "x{1", "x{1,y}",
        /* groups by number and by name */
        "(?<n>a|b)\\k<n>\\k{n}\\k'n'\\g{n}(?P=n)", "(a|b)(c|d)\\g2\\g{1}\\g{-1}\\g-2", "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j|k)\\10", "(?n)(x)(?<n>a|b)\\1", "(?|(a)|(b))(c|d)\\2",
        /* conditions */
        "(a)?(?(1)b|c)", "(a)?(?(1)b)c", "(?<n>a)?(?(<n>)b|c)", "(?<n>a)?(?('n')b|c)", "(a)?(b)?(?(-1)c|d)", "(?(R)a|b)", "(?(DEFINE)(?<d>\\d{2}))(?&d):(?&d)", "(?(VERSION>=1)a|a)",
        /* calls */
        "(a(?1)?)", "\\((?:[^()]|(?R))*\\)", "(a|b)(?1)\\g<1>\\g'1'(?-1)", "(?+1)(a|b)", "(?<n>[ab])(?&n)(?P>n)\\g<n>", "^(?:(.)(?:(?R)|)|)?", "(a|b(?1)c)", "(?<x>a(?(R)b|c))(?1)", "([ab])(?:([cd])(?1)\\1)",
        "(*atomic:a|b)c", "a(*pla:b)?", "(?C)a(?C1)", "(*MARK:x)a"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (matches(always[i]) != TRIES)
            fail_msg("`%s`: %d of %d", always[i], matches(always[i]), TRIES);
}

static void assertions_are_met_by_trying(void **state)
{
    static const char *const some[] = {"\\bunion\\b.*?\\bselect\\b", "a(?!b).", "(?<=a)?b\\b", "x(?=y)y", "^\\s*[\"'`;]+|[\"'`]+\\s*$", "a\\B.b", "(?(?=a)[ab]c|bd)", "(?(?!a)bd|ac)", "(?<=(*pla:a))a|b", "((.)(?1)\\2|x)"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (matches(some[i]) < 1)
            fail_msg("`%s`: %d of %d", some[i], matches(some[i]), TRIES);
}

static void what_is_not_read_is_no_pattern(void **state)
{
    static const char *const strange[] = {"a(*ACCEPT)b", "a(?C'x)')"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        if (matches(strange[i]) != -1)
            fail_msg("`%s` is read", strange[i]);
}

static void broken_expressions_are_no_patterns(void **state)
{
    static const char *const broken[] = {"(", ")", "[", "[a", "\\", "(?", "(?<", "a)", "\\x{4", "(?i", "(?(", "(?(1", "(?(1)", "(?(1)a|b|c)", "(?1)", "(?&n)", "\\k<n>", "\\k", "\\g", "\\g{", "\\p{Xx}", "\\p", "\\p{L", "[\\p{", "\\o{9}", "\\o", "\\c", "\\400", "(?#", "(*", "(?R"};
    struct arena *a = arena_create(MEMORY);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (pattern_read(bytes(broken[i]), a))
            fail_msg("`%s` is read", broken[i]);
    static const char *const opens[] = {"(", "(?:", "(?(", "(?=", "(*pla:", "(?(1)", "(?<n>"};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        struct text deep = text_new(1 << 20);
        for (int k = 0; k < 100000; k++)
            text_puts(&deep, opens[i]);
        assert_null(pattern_read(bytes(text_cstr(&deep)), a));
        text_free(&deep);
    }
    arena_destroy(a);
}

static void a_text_has_a_bound(void **state)
{
    assert_true(matches("(?:a{1000}){1000}") >= 0);
    assert_true(matches("((((((a*)*)*)*)*)*)*") == TRIES);
}

static void the_same_seed_gives_the_same_texts(void **state)
{
    struct arena *a = arena_create(MEMORY);
    const struct pattern_tree *p = pattern_read(bytes("[a-z]{5}(?:x|y|z)*"), a);
    struct text texts[2] = {text_new(1 << 20), text_new(1 << 20)};
    for (int i = 0; i < 2; i++) {
        struct chance c = chance_new(7);
        for (int n = 0; n < 50; n++)
            pattern_make(p, &c, &texts[i]);
    }
    assert_string_equal(text_cstr(&texts[0]), text_cstr(&texts[1]));
    text_free(&texts[0]);
    text_free(&texts[1]);
    arena_destroy(a);
}

static void what_is_undone_arrives(void **state)
{
    static const uint8_t steps[] = {TRANSFORM_BASE64_DECODE, TRANSFORM_URL_DECODE_UNI, TRANSFORM_HEX_DECODE, TRANSFORM_JS_DECODE};
    struct waf_rule_set set = {.transformations = steps, .transformation_count = sizeof steps};
    struct arena *a = arena_create(MEMORY);
    struct bytes value = bytes("100%+ \\ a;b\x01\xff");
    for (uint32_t count = 0; count <= sizeof steps; count++)
        for (int narrow = 0; narrow < 2; narrow++) {
            struct sketch d = {.arena = a};
            struct bytes sent = encode_undo(&d, &set, (struct waf_span){0, count}, value, narrow);
            for (uint32_t i = 0; i < count; i++)
                assert_true(transform((enum transformation)steps[i], NULL, sent, a, &sent));
            assert_true(bytes_equal(sent, value));
        }
    arena_destroy(a);
}

/* The example of rule 1; "" when there is none. */
static void find(const char *rules, struct text *out)
{
    const char *name = "rules.conf";
    struct test_file made[2] = {{name, rules}};
    struct test_files files = {.made = made};
    struct rule_files lent = test_files_lend(&files);
    struct arena *a = arena_create(MEMORY);
    struct sources sources;
    struct waf_program program;
    struct waf_scratch scratch;
    const struct waf_rule_set *set;
    struct waf_options options = {.client = bytes("127.0.0.1"), .unique_id = bytes("u")};
    struct example e;
    if (!rules_load(&name, 1, &lent, a, &sources, &set)) {
        struct text said = text_new(1 << 16);
        sources_print(&sources, false, &said);
        fail_msg("%s", text_cstr(&said));
    }
    own_program_compile(set, a, &program);
    assert_true(scratch_create(&program, &scratch));
    struct example_search search = {.program = &program, .scratch = &scratch, .options = &options, .seed = 1};
    uint32_t rule = 0;
    while (set->rules[rule].id != 1)
        rule++;
    assert_true(example_find(&search, rule, a, &e));
    assert_true(e.found || e.why_not);
    if (e.found)
        text_append(out, e.request.at, e.request.len);
    scratch_free(&scratch);
    own_program_free(&program);
    arena_destroy(a);
}

#define HEAD "SecRuleEngine On\nSecResponseBodyAccess On\n"

static void rules_have_examples(void **state)
{
    static const struct {
        const char *rules, *part; /* of the request; NULL: none is found */
    } cases[] = {
        {"SecRule ARGS:a \"@streq b c\" \"id:1,phase:2,deny\"", "GET /?a=b%20c HTTP/1.1"},
        {"SecRule ARGS_POST:a \"@contains x\" \"id:1,phase:2,deny\"", "\r\n\r\na=x"},
        {"SecRule &REQUEST_HEADERS:Host \"@eq 0\" \"id:1,phase:1,deny\"", "GET / HTTP/1.1\r\nUser-Agent"},
        {"SecRule &ARGS \"@gt 2\" \"id:1,phase:2,deny\"", "?x0=1&x1=1&x2=1"},
        {"SecRule REQUEST_COOKIES:s \"@rx ^a;b$\" \"id:1,phase:1,deny,t:urlDecode\"", "Cookie: s=a%3bb"},
        {"SecRule REQUEST_METHOD \"@pm TRACE\" \"id:1,phase:1,deny,nolog\"", "TRACE / HTTP/1.1"},
        {"SecRule FILES \"@endsWith .php\" \"id:1,phase:2,deny\"", "filename=\".php\""},
        {"SecRule REMOTE_ADDR \"@ipMatch 198.51.100.0/24\" \"id:1,phase:1,deny\"", "GET / "},
        {"SecRule RESPONSE_BODY \"@rx ORA-\\d{5}\" \"id:1,phase:4,deny\"", "GET / "},
        {"SecRule ARGS \"@gt 50\" \"id:1,phase:2,deny,t:length\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"SecRule ARGS \"@rx ^[a-c]+$\" \"id:1,phase:2,deny,chain\"\nSecRule MATCHED_VAR \"@endsWith zz\" \"t:none\"", NULL},
        {"SecRule ARGS \"@rx a\" \"id:1,phase:2,deny,chain\"\nSecRule MATCHED_VAR \"@endsWith zz\" \"t:none\"", "zz"},
        {"SecAction \"id:1,phase:1,nolog,pass,setvar:tx.a=1\"", "GET / "},
        {"SecRule ARGS \"@validateUrlEncoding\" \"id:1,phase:2,deny\"", "%25"},
        {"SecRule XML:/* \"@contains x\" \"id:1,phase:2,deny\"\nSecRule REQUEST_HEADERS:Content-Type \"@beginsWith text/xml\" \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"",
            "<a>x</a>"},
        {"SecRule ARGS:a \"@rx ^\\p{Lu}{2}$\" \"id:1,phase:2,deny\"", "GET /?a="},
        {"SecRule ARGS:a \"@rx ^(b)?(?(1)c|d)$\" \"id:1,phase:2,deny\"", "GET /?a="},
        {"SecRule ARGS:a \"@rx ^(\\((?:x|(?1))*\\))$\" \"id:1,phase:2,deny\"", "GET /?a=("},
        {"SecRule SESSION:a \"@eq 1\" \"id:1,phase:1,deny\"", NULL},
        {"SecRule ARGS \"@rx a\" \"id:1,phase:2,deny\"\nSecRuleRemoveById 1", NULL},
        {"SecRule ARGS \"@rx a\" \"id:1,phase:2,deny\"\nSecRuleEngine Off", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text rules = text_new(1 << 16), found = text_new(1 << 20);
        text_printf(&rules, HEAD "%s\n", cases[i].rules);
        find(text_cstr(&rules), &found);
        if (cases[i].part ? !strstr(text_cstr(&found), cases[i].part) : found.len != 0)
            fail_msg("%s: `%s`", cases[i].rules, text_cstr(&found));
        text_free(&rules);
        text_free(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_made_from_an_expression_are_matched_by_it),
        cmocka_unit_test(assertions_are_met_by_trying),
        cmocka_unit_test(what_is_not_read_is_no_pattern),
        cmocka_unit_test(broken_expressions_are_no_patterns),
        cmocka_unit_test(a_text_has_a_bound),
        cmocka_unit_test(the_same_seed_gives_the_same_texts),
        cmocka_unit_test(what_is_undone_arrives),
        cmocka_unit_test(rules_have_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
