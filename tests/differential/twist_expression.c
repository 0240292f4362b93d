/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/twist_expression.h"

#include <string.h>

#define DEPTH_MAX 3
#define TEXT_MAX ((size_t)1 << 12)
#define PICK(random, list) (&(list)[random_below(random, sizeof(list) / sizeof(list)[0])])

/* A piece of an expression, and a text of `len` bytes that it matches. */
struct piece {
    const char *expression, *sample;
    size_t len;
};
#define PIECE(expression, sample) {expression, sample, sizeof(sample) - 1}

static const struct piece literals[] = {
    PIECE("a", "a"), PIECE("b", "b"), PIECE("A", "A"), PIECE("B", "B"), PIECE("ab", "ab"), PIECE("k", "k"), PIECE("0", "0"), PIECE("1", "1"), PIECE(" ", " "), PIECE("_", "_"),
    PIECE("-", "-"), PIECE("foo", "foo"), PIECE("Foo", "Foo"), PIECE("select", "select"), PIECE("\\.", "."), PIECE("/", "/"), PIECE("\\n", "\n"), PIECE("\\r", "\r"), PIECE("\\t", "\t"),
    PIECE("\\x00", "\0"), PIECE("\\x80", "\x80"), PIECE("\\xff", "\xff"), PIECE("\\x{41}", "A"), PIECE("\\x0b", "\v"), PIECE("\\x85", "\x85"), PIECE("\\xa0", "\xa0"), PIECE("\\x4b", "K"),
    PIECE("\xc3\xa4", "\xc3\xa4"), PIECE("\xff", "\xff"), PIECE("\xe2\x84\xaa", "\xe2\x84\xaa"), PIECE("\\101", "A"), PIECE("\\0", "\0"), PIECE("\\012", "\n"), PIECE("\\o{101}", "A"),
    PIECE("\\e", "\x1b"), PIECE("\\f", "\f"), PIECE("\\a", "\a"), PIECE("\\cA", "\x01"), PIECE("\\cj", "\n"), PIECE("\\-", "-"), PIECE("\\#", "#"), PIECE("#", "#"), PIECE("<", "<"),
    PIECE("\\\\", "\\"), PIECE("\\/", "/"), PIECE("\\Qa.b\\E", "a.b"), PIECE("\\Q]\\E", "]"), PIECE("(?#no)", ""), PIECE("{", "{"), PIECE("{,2}", "{,2}"), PIECE("]", "]"), PIECE("}", "}"), PIECE("\\11", "\t"), PIECE("\\81", "81"),
};
static const struct piece classes[] = {
    PIECE(".", "."), PIECE(".", "\n"), PIECE("\\s", " "), PIECE("\\s", "\v"), PIECE("\\S", "a"), PIECE("\\w", "_"), PIECE("\\W", "\xe9"), PIECE("\\d", "1"), PIECE("\\D", "\n"),
    PIECE("\\h", "\xa0"), PIECE("\\H", "\n"), PIECE("\\v", "\x85"), PIECE("\\V", "a"), PIECE("\\N", "a"), PIECE("\\R", "\r\n"), PIECE("\\R", "\x85"), PIECE("\\X", "a"), PIECE("\\C", "a"),
    PIECE("\\pL", "a"), PIECE("\\PL", "1"), PIECE("\\p{Lu}", "A"), PIECE("\\P{Lu}", "a"), PIECE("\\p{Any}", "\xff"),
    PIECE("[[:space:]]", "\v"), PIECE("[^[:space:]]", "a"), PIECE("[[:^space:]]", "\xa0"), PIECE("[[:upper:]]", "A"), PIECE("[^[:upper:]]", "a"), PIECE("[[:^upper:]]", "a"),
    PIECE("[[:lower:]]", "a"), PIECE("[[:^lower:]]", "A"), PIECE("[[:punct:]]", "#"), PIECE("[[:print:]]", " "), PIECE("[[:graph:]]", "a"), PIECE("[[:cntrl:]]", "\x7f"),
    PIECE("[[:blank:]]", "\t"), PIECE("[[:word:]]", "_"), PIECE("[[:ascii:]]", "\0"), PIECE("[[:^ascii:]]", "\x80"), PIECE("[[:xdigit:]]", "B"), PIECE("[[:alpha:][:digit:]]", "1"),
    PIECE("[ab]", "b"), PIECE("[^a]", "\n"), PIECE("[^A]", "a"), PIECE("[^A-Z]", "b"), PIECE("[^\\x41]", "a"), PIECE("[A-Z]", "K"), PIECE("[a-z]", "k"), PIECE("[A-z]", "^"), PIECE("[Z-a]", "_"),
    PIECE("[^\\n]", "a"), PIECE("[^\\r\\n]", "\xff"), PIECE("[\\x80-\\xff]", "\xc3"), PIECE("[^\\x80-\\xff]", "\n"), PIECE("[^\\x00]", "a"), PIECE("[\\s\\S]", "\n"), PIECE("[\\w-]", "-"),
    PIECE("[^\\w]", "\xff"), PIECE("[^\\W]", "a"), PIECE("[^\\s]", "\x85"), PIECE("[]a]", "]"), PIECE("[^]a]", "b"), PIECE("[a\\]b]", "]"), PIECE("[\\b]", "\b"), PIECE("[a-]", "-"), PIECE("[-a]", "-"),
    PIECE("[^-A]", "a"), PIECE("[\\h\\v]", "\x85"), PIECE("[^\\h]", "\n"), PIECE("[^\\v]", "\xa0"), PIECE("[\\101]", "A"), PIECE("[\\d.]", "."), PIECE("[a&&b]", "&"), PIECE("[a b]", " "), PIECE("[^a b]", "c"),
    PIECE("[[a]", "["), PIECE("[\\Qa-z\\E]", "-"), PIECE("[\\N{U+41}]", "A"), PIECE("[a#b]", "#"), PIECE("[\xc3\xa4]", "\xa4"), PIECE("[^\xc3\xa4]", "\xff"), PIECE("[\\8]", "8"), PIECE("[+--]", ","), PIECE("[\\x0-\\x9]", "\x05"),
};
static const struct piece places[] = {
    PIECE("^", ""), PIECE("$", ""), PIECE("\\A", ""), PIECE("\\z", ""), PIECE("\\Z", ""), PIECE("\\b", ""), PIECE("\\B", ""), PIECE("\\G", ""), PIECE("\\K", ""), PIECE("\\E", ""),
    PIECE("(?i)", ""), PIECE("(?s)", ""), PIECE("(?m)", ""), PIECE("(?-m)", ""), PIECE("(?-s)", ""), PIECE("(?-i)", ""), PIECE("(?x) ", ""), PIECE("(?xx)", ""), PIECE("(?^)", ""), PIECE("(?U)", ""), PIECE("(?im)", ""),
    PIECE("(?i-s)", ""), PIECE("(?n)", ""), PIECE("(?J)", ""), PIECE("(?^i)", ""), PIECE("(?x)# a\\n", ""), PIECE("[[:<:]]", ""), PIECE("[[:>:]]", ""),
};
static const char *const opens[] = {"(?:", "(?:", "(", "(", "(?i:", "(?s:", "(?m:", "(?x:", "(?-m:", "(?-s:", "(?-i:", "(?>", "(?|", "(?P<n>", "(?<m>", "(?^:", "(?xx:", "(?^i:"};
static const char *const looks[] = {"(?=", "(?!", "(?<=", "(?<!"};
static const char *const references[] = {"\\1", "\\2", "\\g1", "\\g{-1}", "(?1)", "(?(1)a|b)", "\\k<m>", "(?P=n)", "(?R)?", "(*ACCEPT)", "(*F)", "(*SKIP)"};
static const char *const quantifiers[] = {"?", "*", "+", "{2}", "{0,2}", "{1,}", "{0}", "{1,3}", "{,2}", "{0,1}", "{3,}", "{20}", "{1,70}"};
static const char *const verbs[] = {"(*CRLF)", "(*ANY)", "(*UTF)", "(*UCP)", "(*BSR_ANYCRLF)", "(*NUL)", "(*CR)", "(*NO_START_OPT)"};

static void alternatives(struct random *random, unsigned depth, struct text *e, struct text *sample);

static void put(const struct piece *p, struct text *e, struct text *sample)
{
    text_puts(e, p->expression);
    text_append(sample, p->sample, p->len);
}

static void group(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    text_puts(e, *PICK(random, opens));
    alternatives(random, depth + 1, e, sample);
    text_puts(e, ")");
}

/* What is looked for ahead stays in the sample now and then, so that something else may match it too. */
static void look(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    struct text inner = text_new(TEXT_MAX);
    text_puts(e, *PICK(random, looks));
    alternatives(random, depth + 1, e, &inner);
    text_puts(e, ")");
    if (random_chance(random, 30))
        text_append(sample, text_cstr(&inner), inner.len);
    text_free(&inner);
}

static void atom(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    uint32_t draw = random_below(random, 100);
    if (draw < 40)
        put(PICK(random, literals), e, sample);
    else if (draw < 64)
        put(PICK(random, classes), e, sample);
    else if (draw < 80)
        put(PICK(random, places), e, sample);
    else if (depth >= DEPTH_MAX)
        put(&literals[random_below(random, 6)], e, sample);
    else if (draw < 92)
        group(random, depth, e, sample);
    else if (draw < 98)
        look(random, depth, e, sample);
    else
        text_puts(e, *PICK(random, references));
}

static void quantified(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    size_t before = sample->len;
    atom(random, depth, e, sample);
    if (!random_chance(random, 25))
        return;
    const char *quantifier = *PICK(random, quantifiers);
    text_puts(e, quantifier);
    text_puts(e, random_chance(random, 20) ? "?" : random_chance(random, 12) ? "+" : "");
    size_t len = sample->len - before;
    uint32_t more = strcmp(quantifier, "{2}") == 0 ? 1 : strcmp(quantifier, "{3,}") == 0 ? 2 : strcmp(quantifier, "{20}") == 0 ? 19 : random_chance(random, 20) ? 1 + random_below(random, 3) : 0;
    char copy[64];
    size_t some = len < sizeof copy ? len : sizeof copy;
    if (some)
        memcpy(copy, sample->at + before, some);
    if (more) {
        while (more--)
            text_append(sample, copy, some);
    } else if (sample->at && *quantifier != '+' && random_chance(random, 30)) {
        sample->len = before;
    }
}

static void sequence(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    for (uint32_t i = 1 + random_below(random, 4); i > 0; i--)
        quantified(random, depth, e, sample);
}

static void alternatives(struct random *random, unsigned depth, struct text *e, struct text *sample)
{
    uint32_t count = random_chance(random, 70) ? 1 : 2 + random_below(random, 2), chosen = random_below(random, count);
    for (uint32_t i = 0; i < count; i++) {
        struct text unused = text_new(TEXT_MAX);
        text_puts(e, i ? "|" : "");
        if (count == 1 || random_chance(random, 85)) /* else an empty branch */
            sequence(random, depth, e, i == chosen ? sample : &unused);
        text_free(&unused);
    }
}

void expression_make(struct random *random, struct text *expression, struct text *sample)
{
    if (random_chance(random, 3))
        text_puts(expression, *PICK(random, verbs));
    if (random_chance(random, 15))
        text_puts(expression, "(?i)");
    if (random_chance(random, 10))
        put(&literals[random_below(random, 12)], expression, sample);
    alternatives(random, 0, expression, sample);
}
