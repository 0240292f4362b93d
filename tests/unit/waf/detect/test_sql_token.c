/* SPDX-License-Identifier: Apache-2.0 */
/* SQL's tokens, each from its definition in a database's manual, and what differs between the dialects. */
#include "waf/detect/sql_token.h"

#include "check.h"

static void classes_are(const char *value, enum sql_dialect dialect, const char *want)
{
    char got[64] = {0};
    struct sql_tokens tokens = sql_tokens_over(bytes_of_text(value), dialect);
    for (size_t i = 0; i < sizeof got - 1; i++) {
        struct sql_token token = sql_tokens_next(&tokens);
        if (token.class == SQL_END)
            break;
        got[i] = (char)token.class;
    }
    if (strcmp(got, want))
        print_message("%s\n", value);
    assert_string_equal(got, want);
}

static void both(const char *value, const char *want)
{
    classes_are(value, SQL_ANSI, want);
    classes_are(value, SQL_MYSQL, want);
}

static void numbers(void **state)
{
    both("1 1.5 .5 1e5 1.e-3 0x1F $1", "1111111");
    both("1or 2", "1&1");
    both("90s 3rd 4d5e", "nnn");
    both("1union", "1U");
}

static void strings(void **state)
{
    both("'a' \"a\" 'a''b' '' N'x' x'41' _utf8'x'", "sssssss");
    both("q'[it's]' Q'(a)' $$a'b$$ $t$a$$b$t$", "ssss");
    both("'never ends", "s");
    both("$$never ends", "s");
    classes_are("'a\\' or'", SQL_ANSI, "s&s");
    classes_are("'a\\' or'", SQL_MYSQL, "s");
}

static void names_and_variables(void **state)
{
    both("a a.b.c `a b` [a b] _x \xc3\xa4", "nnnnnn");
    both("@ @a @@b @'c' @@global.x", "vvvvv");
    both("select SeLeCt selects", "EEn");
    both("utl_http.request(", "F(");
    both("select.1", "E1");
}

static void comments(void **state)
{
    both("1/**/2/*'*/3", "111");
    both("1 -- x", "1c");
    both("1 /* x", "1c");
    both("1 -- x\n2", "11");
    both("1 -- x\n ", "1c");
    classes_are("1--1", SQL_ANSI, "1c");
    classes_are("1--1", SQL_MYSQL, "1--1");
    classes_are("1 # x", SQL_MYSQL, "1c");
    classes_are("1 # x", SQL_ANSI, "1/n");
    classes_are("/*!50000union*/ select", SQL_MYSQL, "UE");
    classes_are("/*!50000union*/ select", SQL_ANSI, "E");
}

static void operators_and_space(void **state)
{
    both("= <> != <=> >= := ~* like is in", "==========");
    both("|| && and xor + - * / % ^ | & << ( ) , ; { }", "&&&&--*/////" "/(),;{}");
    both("1\xa0or\xc2\xa0" "1\v\f2", "1&11");
}

static void words_are_sorted(void **state)
{
    for (int i = 0; i < SQL_WORD_COUNT; i++) {
        enum sql_class class;
        const char *text = sql_word_text((enum sql_word)i);
        assert_int_equal(sql_word_find(bytes_of_text(text), &class), i);
        assert_int_not_equal(class, SQL_NAME);
        if (i)
            assert_true(strcmp(sql_word_text((enum sql_word)(i - 1)), text) < 0);
    }
}

/* By looking at each. */
static int naive_find(struct bytes text)
{
    for (int i = 0; i < SQL_WORD_COUNT; i++)
        if (bytes_equal_caseless(text, bytes_of_text(sql_word_text((enum sql_word)i))))
            return i;
    return SQL_W_NONE;
}

/* Each in small letters, shorter, longer, and with each of its bytes another. */
static void what_resembles_a_word_is_none(void **state)
{
    static const char others[] = "aZ_09@[`{\x80";
    for (int i = 0; i < SQL_WORD_COUNT; i++) {
        char text[32] = "";
        size_t len = strlen(sql_word_text((enum sql_word)i));
        enum sql_class class;
        for (size_t k = 0; k < len; k++)
            text[k] = (char)byte_lower((uint8_t)sql_word_text((enum sql_word)i)[k]);
        assert_int_equal(sql_word_find(bytes_of(text, len), &class), i);
        for (size_t k = 0; k <= len; k++)
            for (size_t o = 0; o + 1 < sizeof others; o++) { /* a word has no NUL */
                char before = text[k];
                text[k] = others[o];
                for (size_t to = len - 1; to <= (k == len ? len + 1 : len); to++)
                    assert_int_equal(sql_word_find(bytes_of(text, to), &class), naive_find(bytes_of(text, to)));
                text[k] = before;
            }
    }
}

/* What says that no dialect reads it otherwise is right. */
static void what_does_not_differ_is_the_same(void **state)
{
    static const char *const pieces[] = {"a", "1", " ", "'", "\"", "`", "\\", "#", "--", "-- ", "-", "/*", "/*!", "*/", "!", "@", "$$", "\n", "or", ".", "q'[", "]"};
    uint64_t random = 1;
    size_t same = 0;
    for (int i = 0; i < 200000; i++) {
        char value[64];
        size_t len = 0;
        for (size_t want = (size_t)i % 8 + 1; want; want--) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            const char *piece = pieces[(random >> 33) % (sizeof pieces / sizeof pieces[0])];
            memcpy(value + len, piece, strlen(piece));
            len += strlen(piece);
        }
        struct sql_tokens one = sql_tokens_over(bytes_of(value, len), SQL_ANSI);
        struct sql_tokens others[] = {sql_tokens_over(one.left.all, SQL_MYSQL), sql_tokens_over(one.left.all, SQL_MYSQL_PLAIN)};
        for (struct sql_token token = {.class = SQL_OTHER}; token.class != SQL_END && !one.differs;) {
            token = sql_tokens_next(&one);
            for (size_t o = 0; o < 2 && !one.differs; o++) {
                struct sql_token other = sql_tokens_next(&others[o]);
                assert_true(other.class == token.class && other.word == token.word && other.open == token.open && other.at == token.at && other.len == token.len);
                assert_int_equal(others[o].commented, one.commented);
            }
        }
        same += !one.differs;
    }
    assert_in_range(same, 20000, 180000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(names_and_variables),
        cmocka_unit_test(comments),
        cmocka_unit_test(operators_and_space),
        cmocka_unit_test(words_are_sorted),
        cmocka_unit_test(what_resembles_a_word_is_none),
        cmocka_unit_test(what_does_not_differ_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
