/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an expression without PCRE2 is what PCRE2 says: the same matches, at the same places. */
#include "waf/operator/words.h"

#include "tests/differential/random.h"
#include "tests/unit/base/check.h"
#include "waf/operator/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define SEED 20260101
#define EXPRESSIONS 60000
#define VALUES 12
#define ROOM 512

struct judge {
    struct random random;
    struct regex_scratch *scratch;
    pcre2_match_data *data;
    size_t compiled, decided, found; /* decided: without PCRE2, by words */
};

#define ONE_OF(RANDOM, PIECES) (PIECES)[random_below(RANDOM, sizeof(PIECES) / sizeof *(PIECES))]

static struct bytes join(struct random *r, char *room, const char *first, const char *const *pieces, uint32_t piece_count, uint32_t most, const char *last)
{
    size_t len = (size_t)(stpcpy(room, first) - room);
    for (uint32_t n = random_below(r, most + 1); n; n--)
        len = (size_t)(stpcpy(room + len, pieces[random_below(r, piece_count)]) - room);
    return bytes_of(room, (size_t)(stpcpy(room + len, last) - room));
}

/* Of a few letters, so that values have what expressions ask for; half of them of nothing but words. */
static struct bytes make_expression(struct random *r, char room[ROOM])
{
    static const char *const words[] = {"a", "b", "A", "ab", "ba", "\\/", "_", " ", "|", "|", "\\.", "]", "}", "#", "\\_", "\\\\"},
                             *const any[] = {"a", "b", "A", "ab", "|", ".", "*", "?", "+", "{", "{2}", "\\d", "\\b", "\\A", "\\n", "\\Q", "(?:", ")", "$", "^", "[ab]", "(?i)", "(b)", "\\Ka", "\n", "(?=a)",
                                 "\x80", "(?x)", "a b"};
    static const char *const begins[] = {"", "", "^", "^", "(?:", "^(?:", "^(?:", "(?i)", "(", "^*", "\\G", "(?:^|c)", "(?:_|^)", "(?:^|a)*", "(?:^|(?i)a|2)?", "(?:|^)", "(?:^|\\R)", "(?:^|\\C)", "(?:^|\\Qc\\E)", "(?:^|(?<=2))"}, *const ends[] = {"", "", "$", ")$", ")$", ")", "*", "$|b", "\\z"};
    bool plain = random_chance(r, 50);
    return join(r, room, ONE_OF(r, begins), plain ? words : any, plain ? sizeof words / sizeof *words : sizeof any / sizeof *any, plain ? 8 : 5, ONE_OF(r, ends));
}

static struct bytes make_value(struct random *r, char room[ROOM])
{
    static const char *const pieces[] = {"a", "b", "A", "B", "ab", "ba", "/", "_", " ", "|", ".", "]", "}", "#", "\\", "\x80", "c", "2"};
    static const char *const rare[] = {"\n", "\r\n", "0123456789012345678901234567890123456789012345678901234567890123456789"};
    return join(r, room, random_chance(r, 10) ? ONE_OF(r, rare) : "", pieces, sizeof pieces / sizeof *pieces, random_chance(r, 50) ? 2 : 12, random_chance(r, 10) ? ONE_OF(r, rare) : "");
}

/* As regex.h has it. */
static enum regex_result ask_library(struct judge *j, const pcre2_code *code, struct bytes value, struct match *ret, size_t *ret_count)
{
    int result = pcre2_match(code, value.at, value.len, 0, 0, j->data, NULL);
    if (result < 0)
        return result == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_ERROR;
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(j->data);
    *ret_count = (size_t)result;
    for (size_t i = 0; i < *ret_count; i++)
        ret[i] = ends[2 * i] <= ends[2 * i + 1] && ends[2 * i + 1] <= value.len ? (struct match){ends[2 * i], ends[2 * i + 1] - ends[2 * i]} : (struct match){REGEX_UNSET, 0};
    return REGEX_YES;
}

static void must_agree(struct judge *j, const struct regex *r, const struct words *w, const pcre2_code *code, struct bytes value)
{
    struct match ours[REGEX_CAPTURES_MAX], theirs[REGEX_CAPTURES_MAX], found;
    size_t our_count = 0, their_count = 0;
    enum regex_result result = ask_library(j, code, value, theirs, &their_count);
    assert_int_equal(regex_match(r, j->scratch, value, ours, &our_count), result);
    assert_int_equal(regex_match(r, j->scratch, value, NULL, NULL), result);
    assert_int_equal(our_count, their_count);
    for (size_t i = 0; i < our_count; i++) {
        assert_int_equal(ours[i].offset, theirs[i].offset);
        assert_int_equal(ours[i].length, theirs[i].length);
    }
    j->decided += w->count && words_find(w, value, &found) != WORDS_UNKNOWN;
    j->found += result == REGEX_YES;
}

static void try_expression(struct judge *j, struct bytes expression, bool caseless)
{
    char room[ROOM];
    struct regex_error e;
    struct words w;
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile(expression.at, expression.len, regex_options(caseless) & ~(uint32_t)PCRE2_USE_OFFSET_LIMIT, &error, &offset, NULL);
    struct regex *r = regex_compile(expression, caseless, &e);
    assert_int_equal(code != NULL, r != NULL);
    words_read(expression, caseless, &w);
    j->compiled += code != NULL;
    for (int i = 0; code && i < VALUES; i++)
        must_agree(j, r, &w, code, make_value(&j->random, room));
    pcre2_code_free(code);
    regex_free(r);
}

/* Short ones, of the bytes that matter. */
static void try_values(struct judge *j, struct bytes expression)
{
    static const char *const values[] = {"", "=", "b", "a=", "=a=", "x=", "xb", "ab=", "=b", "a", " =", "\n=", "x\n=a", "==", ":a=", "y="};
    struct regex_error e;
    struct words w = {0};
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile(expression.at, expression.len, regex_options(false) & ~(uint32_t)PCRE2_USE_OFFSET_LIMIT, &error, &offset, NULL);
    struct regex *r = regex_compile(expression, false, &e);
    assert_true(code && r);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        must_agree(j, r, &w, code, bytes_of_text(values[i]));
    pcre2_code_free(code);
    regex_free(r);
}

static void short_cuts_agree_with_the_library(void **state)
{
    struct regex_limits limits = {1000000, 10000};
    struct judge j = {.random = {SEED}, .scratch = regex_scratch_create(&limits), .data = pcre2_match_data_create(REGEX_CAPTURES_MAX, NULL)};
    char room[ROOM];
    print_message("# seed %d\n", SEED);
    for (int i = 0; i < EXPRESSIONS; i++)
        try_expression(&j, make_expression(&j.random, room), random_chance(&j.random, 50));
    assert_true(j.compiled > EXPRESSIONS / 4);
    assert_true(j.decided > j.compiled);
    assert_true(j.found > j.compiled);
    pcre2_match_data_free(j.data);
    regex_scratch_free(j.scratch);
}

/* [[:<:]] and [[:>:]] are no classes: a match begins behind them with any byte. */
static void a_match_may_begin_where_a_word_does(void **state)
{
    static const char *const expressions[] = {"(?:^|[[:<:]])select", "(?:[[:>:]]|^) *from"};
    struct regex_scratch *scratch = regex_scratch_create(&(struct regex_limits){1000, 1000});
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct regex_error e;
        struct regex *r = regex_compile(bytes_of_text(expressions[i]), false, &e);
        assert_int_equal(regex_match(r, scratch, bytes_of_text("................... select from ..................."), NULL, NULL), REGEX_YES);
        regex_free(r);
    }
    regex_scratch_free(scratch);
}

/* What compiled code once missed (regex.c, has_empty_alternative): the interpreter says what is right. */
static void an_alternative_without_a_byte_hides_no_match(void **state)
{
    static const char *const heads[] = {"=", "[=:]", "ab", "\\W"}, *const empties[] = {"^", "", "$", "\\A", "(?:)", "(?:^)", "()", "(?i:^|y)", "(?=.)", "(?<!x)", "x*"},
                             *const middles[] = {"a*", "a*?", "[a]*", "\\s*", "a?", ""}, *const tails[] = {"[b=]", "(?:b|=)", "=", ".$"};
    struct regex_limits limits = {1000000, 10000};
    struct judge j = {.random = {SEED}, .scratch = regex_scratch_create(&limits), .data = pcre2_match_data_create(REGEX_CAPTURES_MAX, NULL)};
    for (size_t h = 0; h < 4; h++)
        for (size_t e = 0; e < sizeof empties / sizeof *empties; e++)
            for (size_t m = 0; m < sizeof middles / sizeof *middles; m++)
                for (size_t t = 0; t < 4; t++) {
                    char room[ROOM];
                    int len = snprintf(room, sizeof room, "(?:%s|%s)%s%s", heads[h], empties[e], middles[m], tails[t]);
                    try_values(&j, bytes_of(room, (size_t)len));
                }
    assert_true(j.found > 1000);
    pcre2_match_data_free(j.data);
    regex_scratch_free(j.scratch);
}

static bool are_words(const char *expression, unsigned count)
{
    struct words w;
    words_read(bytes_of_text(expression), false, &w);
    return w.count == count;
}

static void only_plain_choices_are_words(void **state)
{
    assert_true(are_words("^(?:GET|HEAD)$", 2));
    assert_true(are_words("^$", 1));
    assert_true(are_words("", 1));
    assert_true(are_words("URLENCODED|XML|", 3));
    assert_true(are_words("1|2|3|4|5|6|7|8", 8));
    assert_true(are_words("1|2|3|4|5|6|7|8|9", 0));
    assert_true(are_words("^a|b$", 0));
    assert_true(are_words("^(?:a|b)+$", 0));
    assert_true(are_words("^(a|b)$", 0));
    assert_true(are_words("(?:a", 0));
    assert_true(are_words("a)", 0));
    assert_true(are_words("a.", 0));
    assert_true(are_words("(?i:a)", 0));
    assert_true(are_words("a\\d", 0));
    assert_true(are_words("0123456789012345678901234567890123456789012345678901234567890123", 1));
    assert_true(are_words("01234567890123456789012345678901234567890123456789012345678901234", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_cuts_agree_with_the_library),
        cmocka_unit_test(a_match_may_begin_where_a_word_does), cmocka_unit_test(an_alternative_without_a_byte_hides_no_match),
        cmocka_unit_test(only_plain_choices_are_words),
    };
    return cmocka_run_group_tests_name("waf-words", tests, NULL, NULL);
}
