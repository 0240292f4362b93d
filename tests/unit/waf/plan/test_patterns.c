/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Hyperscan looks for what PCRE2 decides: an expression that is taken for a scan is reported wherever the rule's
 * operator matches; for each single byte, alone and beside others, and for random expressions.
 *
 *   test-waf-patterns [EXPRESSIONS [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/differential/twist_expression.h"
#include "tests/unit/waf/language/files.h"
#include "waf/image/entries.h"
#include "waf/operator/regex.h"
#include "waf/plan/ends.h"
#include "waf/plan/patterns.h"

#define MEMORY ((size_t)16 << 20)
#define VALUE_MAX 512
#define SHORT 4
#define EXPRESSION_MAX ((size_t)1 << 12)
#define VALUES 20 /* of an expression */

static unsigned long expression_count = 2000;
static uint64_t expression_seed = 1;

static const char *const atoms[] = {
    ".", "\\N", "\\s", "\\S", "\\w", "\\W", "\\d", "\\D", "\\h", "\\H", "\\v", "\\V", "\\R", "\\X", "\\C", "\\n", "\\r", "\\t", "\\f", "\\e", "\\a", "\\0", "\\012", "\\101", "\\x0b", "\\x85", "\\xa0", "\\xff",
    "\\x{85}", "\\o{205}", "\\cA", "\\cj", "\\c?", "a", "A", "[a-z]", "[A-Z]", "[^a-z]", "[^A-Z]", "[A-z]", "[^A-z]", "[Z-a]", "[^Z-a]", "[^!-_]", "[^\\x41]", "[^\\x61]", "[^\\101]", "[^\\n]", "[^\\r\\n]", "[^a]", "[^A]",
    "[\\s]", "[^\\s]", "[\\S]", "[^\\S]", "[\\w]", "[^\\w]", "[\\W]", "[^\\W]", "[\\d]", "[^\\d]", "[\\h]", "[^\\h]", "[\\v]", "[^\\v]", "[\\H]", "[\\V]", "[^\\H]", "[^\\V]", "[\\b]", "[^\\b]", "[\\8]", "[^\\1]",
    "[\\x00]", "[^\\x00]", "[\\x80-\\xff]", "[^\\x80-\\xff]", "[\\s\\S]", "[\\w\\W]", "[]a]", "[^]a]", "[a&&b]", "[^a&&b]", "[[a]", "[^[a]", "[a b]", "[^a b]", "[+--]", "[--/]", "[\\w-]", "[\\x0-\\x9]", "[^\\Qa-z\\E]",
    "\\pL", "\\PL", "\\p{Lu}", "\\P{Lu}", "\\p{Ll}", "\\P{Ll}", "\\p{^Lu}", "\\p{L&}", "\\P{L&}", "\\p{Lt}", "\\P{Lt}", "[^\\p{Lu}]", "[\\P{Lu}]", "\\p{Any}", "\\P{Any}", "\\p{Latin}", "\\P{Latin}", "\\p{N}", "\\P{N}",
    "\\p{Zs}", "\\p{Xan}", "\\p{Xsp}", "\\p{Xwd}", "\\p{Xps}", "\\P{Xan}", "\\p{Cn}", "\\p{Cc}", "\\p{P}", "\\p{S}", "\\p{Common}", "[^\\P{L}]", "\\N{U+41}", "\\o{101}", "\\x{41}{1}", "\\c;", "\\cA", "\\_", "\\-", "\\#", "\\/", "\\\xff", "\xff", "[\xff]", "[^\xff]",
    "(?#a)b", "{", "{,2}", "x{,2}", "}", "]", "\\81", "\\11", "\\07", "[^A-Za-z]", "[^k]", "[^K]", "\\x4b", "[^\\W_]",
};
static const char *const posix[] = {"alpha", "lower", "upper", "alnum", "ascii", "blank", "cntrl", "digit", "graph", "print", "punct", "space", "word", "xdigit"};
static const char *const frames[] = {"%s", "^%s", "%s$", "^%s$", "x%s", "%sx", "x%sx", "x$%s", "%s^x", "\\b%s", "%s\\b", "\\B%s", "%s\\B", "x?%s$", "^%s*x", "(?:^|x)%s", "%s(?:$|x)", "(?i)%s", "(?s)%s", "(?m)^%s$", "(?x) %s",
    "(?xx)%s", "(?i:%s)", "(?i:x)%s", "x(?i)%s|%s", "(?:x|)%s", "%s++x?", "(?>%s|x)", "(?=%s)x", "x(?=%s)", "(?!%s)x", "x(?!%s)", "(?<=%s)x", "(?<!%s)x", "x(?<!%s)", "(?:%s){2}", "(%s)\\1", "(?U)%s+", "(?-m)^%s", "(?-s)%s",
    "(?^)%s", "(?^:%s)", "(?s-i)%s", "(?n)(%s)", "%s\\z", "\\A%s", "%s\\Z", "x\\K%s", "(?(?=%s)x|y)", "(?|%s|x)", "(?<n>%s)", "(x)?(?(1)%s|y)", "(?:%s)?+x", "\\Q%s\\E", "x\\R%s", "^^%s$$", "(?:%s$)*x", "(?:^%s){1,2}", "x%s{1}{1,2}", "(?x)x %s {1,2} {1}", "(?x)x(?#{)%s # {\n {1,2}"};

/* The expression as its rule has it, for PCRE2 and for Hyperscan. */
struct both {
    struct compiled *compiled;
    struct arena *arena;
    struct regex *regex;
    struct regex_scratch *scratch;
    hs_database_t *databases[TEXT_KINDS]; /* NULL: said to match nothing in texts of that kind */
    hs_scratch_t *room;
    uint16_t needs[TEXT_KINDS]; /* nor where one of these sorts of bytes is missing */
    bool caseless; /* what the rule looks at is in lower case, and the scan is not */
};

static bool both_compile(struct both *b, const struct pattern *p)
{
    hs_compile_error_t *wrong = NULL;
    bool ok = true;
    for (enum text_kind kind = 0; kind < TEXT_KINDS && ok; kind++)
        if (p->of_kind[kind]) {
            assert_null(b->databases[kind]);
            b->needs[kind] = p->needs;
            ok = hs_compile(p->text, p->flags, HS_MODE_BLOCK, NULL, &b->databases[kind], &wrong) == HS_SUCCESS && hs_alloc_scratch(b->databases[kind], &b->room) == HS_SUCCESS;
        }
    hs_free_compile_error(wrong);
    return ok;
}

/* Wraps the expression in a rule; false where it does not load, or is not taken for a scan. */
static bool both_open(const char *expression, bool caseless, struct both *b)
{
    char text[EXPRESSION_MAX + 64];
    const char *name = "rules.conf";
    snprintf(text, sizeof text, "SecRule ARGS \"@rx %s\" \"id:1,phase:2,pass\"\n", expression);
    struct test_file made[] = {{name, text}, {NULL, NULL}};
    struct test_files files = {.made = made};
    struct rule_files lent = test_files_lend(&files);
    struct sources sources;
    const struct waf_rule_set *set;
    struct regex_error error;
    struct regex_limits limits = {100000, 10000};
    *b = (struct both){.arena = arena_create(MEMORY), .scratch = regex_scratch_create(&limits), .caseless = caseless};
    b->compiled = compiled_create(b->arena, NULL, (struct job_runner){0});
    struct patterns patterns = {.compiled = b->compiled};
    if (!rules_load(&name, 1, &lent, b->arena, &sources, &set) || set->rule_count != 1)
        return false;
    b->regex = regex_compile(waf_text_bytes(set, set->rules[0].operand_text), false, &error);
    if (!b->regex || (caseless && pattern_minds_case(set, 0)) || patterns_of_rule(set, 0, NULL, caseless, b->arena, &patterns) != PATTERNS_OK)
        return false;
    for (size_t i = 0; i < patterns.count; i++)
        if (!both_compile(b, &patterns.items[i]))
            return false;
    return true;
}

static void both_close(struct both *b)
{
    compiled_free(b->compiled);
    hs_free_scratch(b->room);
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
        hs_free_database(b->databases[kind]);
    regex_scratch_free(b->scratch);
    regex_free(b->regex);
    arena_destroy(b->arena);
}

static int take(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    *(bool *)argument = true;
    return 0;
}

static bool is_found(struct both *b, enum text_kind kind, const uint8_t *text, size_t len)
{
    bool found = false;
    if (len && b->databases[kind])
        assert_int_equal(hs_scan(b->databases[kind], (const char *)text, (unsigned)len, 0, b->room, take, &found), HS_SUCCESS);
    return found;
}

/* As a plan does: where it is, and behind another value, with a separator behind it. */
static bool is_reported(struct both *b, const uint8_t *value, size_t len)
{
    uint8_t buffer[VALUE_MAX + 3] = {'-', SEPARATOR};
    bool plain = true, odd = false;
    unsigned sorts = 0;
    for (size_t i = 0; i < len; i++) {
        plain &= byte_is_plain(value[i]);
        odd |= byte_sort(value[i]) == BYTE_SORT_ODD;
        sorts |= 1u << byte_sort(value[i]);
    }
    enum text_kind kind = plain ? TEXT_PLAIN : TEXT_STRANGE;
    if (!odd && b->needs[kind] & ~sorts)
        return false;
    memcpy(buffer + 2, value, len);
    buffer[len + 2] = SEPARATOR;
    return is_found(b, kind, value, len) && is_found(b, kind, buffer, len + 3);
}

static bool is_matched(struct both *b, const uint8_t *value, size_t len)
{
    uint8_t lower[VALUE_MAX];
    for (size_t i = 0; i < len; i++)
        lower[i] = b->caseless && value[i] >= 'A' && value[i] <= 'Z' ? value[i] | 0x20 : value[i];
    return regex_match(b->regex, b->scratch, bytes_of(lower, len), NULL, NULL) == REGEX_YES;
}

static size_t count_missed(struct both *b, const char *expression)
{
    static const char *const around[][2] = {{"", ""}, {"x", ""}, {"", "x"}, {"x", "x"}, {"\n", ""}, {"", "\n"}, {"x\n", ""}, {"", "\nx"}, {"X", "X"}};
    size_t missed = 0;
    for (size_t k = 0; k < sizeof around / sizeof around[0]; k++)
        for (unsigned byte = 0; byte < 256; byte++)
            for (size_t times = byte ? 1 : 0; times <= 2; times++) {
                uint8_t value[SHORT + 4];
                size_t before = strlen(around[k][0]), after = strlen(around[k][1]), len = before + times + after;
                if (len > SHORT)
                    continue;
                memcpy(value, around[k][0], before);
                memset(value + before, (int)byte, times);
                memcpy(value + before + times, around[k][1], after);
                if (is_matched(b, value, len) && !is_reported(b, value, len) && !missed++)
                    print_message("# %s%s: `%s`<%02x>*%zu`%s` is matched, and not reported\n", expression, b->caseless ? " behind lowercase" : "", around[k][0], byte, times, around[k][1]);
            }
    return missed;
}

/* The atom in every place of the frame that is for it. */
static void frame_fill(const char *frame, const char *atom, char *out, size_t size)
{
    size_t n = 0;
    for (; *frame && n + strlen(atom) + 1 < size; frame++) {
        if (frame[0] == '%' && frame[1] == 's') {
            memcpy(out + n, atom, strlen(atom));
            n += strlen(atom);
            frame++;
        } else {
            out[n++] = *frame;
        }
    }
    out[n] = 0;
}

static void try_frames(const char *atom, size_t *missed, size_t *taken)
{
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        for (int caseless = 0; caseless < 2; caseless++) {
            char expression[512];
            struct both b;
            frame_fill(frames[i], atom, expression, sizeof expression);
            if (both_open(expression, caseless, &b)) {
                *missed += count_missed(&b, expression) != 0;
                ++*taken;
            }
            both_close(&b);
        }
}

static void what_is_matched_is_reported(void **state)
{
    size_t missed = 0, taken = 0;
    for (size_t i = 0; i < sizeof atoms / sizeof atoms[0]; i++)
        try_frames(atoms[i], &missed, &taken);
    for (size_t i = 0; i < sizeof posix / sizeof posix[0]; i++) {
        static const char *const forms[] = {"[[:%s:]]", "[^[:%s:]]", "[[:^%s:]]", "[^[:^%s:]]", "[[:%s:]x]", "[^[:%s:]x]"};
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            char atom[64];
            frame_fill(forms[k], posix[i], atom, sizeof atom);
            try_frames(atom, &missed, &taken);
        }
    }
    print_message("# %zu expressions taken for a scan\n", taken);
    assert_true(taken > 1000);
    assert_int_equal(missed, 0);
}

/* What the expression may match, among what may stand beside it, with some letters in the other case. */
static size_t value_make(struct random *random, const struct text *sample, uint8_t *out)
{
    static const char beside[] = "ab\nA \r_1\x80\xff\v.";
    size_t len = 0;
    for (uint32_t i = random_below(random, 4); i > 0; i--)
        out[len++] = (uint8_t)beside[random_below(random, sizeof beside - 1)];
    for (size_t i = 0; i < sample->len && len < VALUE_MAX - 4; i++)
        if (random_below(random, 30))
            out[len++] = (uint8_t)sample->at[i];
    for (uint32_t i = random_below(random, 4); i > 0; i--)
        out[len++] = (uint8_t)beside[random_below(random, sizeof beside - 1)];
    bool swap = random_chance(random, 30);
    size_t kept = 0;
    if (random_chance(random, 40)) { /* plain */
        for (size_t i = 0; i < len; i++)
            if (byte_is_plain(out[i]))
                out[kept++] = out[i];
        len = kept;
    }
    for (size_t i = 0; i < len && swap; i++)
        if (((out[i] | 0x20) >= 'a' && (out[i] | 0x20) <= 'z') && random_below(random, 2))
            out[i] ^= 0x20;
    return len;
}

static bool misses_one(struct both *b, struct random *random, const char *expression, const struct text *sample, size_t *matched)
{
    for (int i = 0; i < VALUES; i++) {
        uint8_t value[VALUE_MAX];
        size_t len = value_make(random, sample, value);
        if (!is_matched(b, value, len))
            continue;
        ++*matched;
        if (is_reported(b, value, len))
            continue;
        print_message("# %s%s:", expression, b->caseless ? " behind lowercase" : "");
        for (size_t k = 0; k < len; k++)
            print_message(" %02x", value[k]);
        print_message(" is matched, and not reported\n");
        return true;
    }
    return false;
}

static void what_random_expressions_match_is_reported(void **state)
{
    size_t missed = 0, taken = 0, matched = 0;
    for (unsigned long i = 0; i < expression_count; i++) {
        struct random random = {expression_seed + i};
        struct text expression = text_new(EXPRESSION_MAX), sample = text_new(EXPRESSION_MAX);
        struct both b;
        expression_make(&random, &expression, &sample);
        if (both_open(text_cstr(&expression), random_chance(&random, 50), &b)) {
            taken++;
            missed += misses_one(&b, &random, text_cstr(&expression), &sample, &matched);
        }
        both_close(&b);
        text_free(&expression);
        text_free(&sample);
    }
    print_message("# seed %llu: %zu random expressions taken for a scan, %zu values matched\n", (unsigned long long)expression_seed, taken, matched);
    assert_true(taken > expression_count / 10 && matched > taken);
    assert_int_equal(missed, 0);
}

/* ---- what images keep */

/* What was said of these expressions under that name, by that version of Hyperscan, which has a part in it. */
static const struct {
    const char *name, *scanner;
    uint64_t said;
} judged = {"pattern, by syntax of the third kind", "5.4.0", UINT64_C(0x77c0a3f2e89c38a8)};

static void mix(uint64_t *sum, uint64_t more)
{
    *sum = (*sum ^ more) * UINT64_C(0x100000001b3); /* FNV-1a */
}

/* What an image would keep of the expression's judgement; UINT64_MAX: it was not asked for one. */
static uint64_t judgement_of(struct compiled *c, const char *expression, struct arena *a)
{
    struct waf_text text = {.at = 0, .len = (uint32_t)strlen(expression)};
    struct waf_rule rule = {.kind = RULE_CONDITION, .operator = OPERATOR_RX, .operand_text = text};
    struct waf_rule_set set = {.texts = bytes_of_text(expression), .rules = &rule, .rule_count = 1};
    struct patterns patterns = {.compiled = c};
    size_t before = c->count;
    (void)!patterns_of_rule(&set, 0, NULL, false, a, &patterns);
    for (size_t i = 0; i < c->slot_count && c->count > before; i++)
        if (c->slots[i] && !c->slots[i]->passing) {
            c->slots[i]->passing = true; /* it was counted */
            return c->slots[i]->fact;
        }
    return UINT64_MAX;
}

/* A part of all frames with all atoms: some thousand. */
static uint64_t all_judgements(size_t *ret_count)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    struct arena *a = arena_create(MEMORY);
    struct compiled *c = compiled_create(a, NULL, (struct job_runner){0});
    assert_non_null(c);
    for (size_t i = 0; i < sizeof atoms / sizeof atoms[0]; i++)
        for (size_t k = i % 5; k < sizeof frames / sizeof frames[0]; k += 5) {
            char expression[512];
            frame_fill(frames[k], atoms[i], expression, sizeof expression);
            uint64_t said = judgement_of(c, expression, a);
            *ret_count += said != UINT64_MAX;
            mix(&sum, said);
        }
    compiled_free(c);
    arena_destroy(a);
    return sum;
}

static void what_is_said_of_an_expression_keeps_its_name(void **state)
{
    size_t count = 0;
    uint64_t said = all_judgements(&count);
    print_message("# %zu judgements\n", count);
    assert_true(count > 500);
    if (strncmp(hs_version(), judged.scanner, strlen(judged.scanner)) != 0) {
        print_message("# Hyperscan %s may take others than %s: not compared\n", hs_version(), judged.scanner);
        return;
    }
    bool named_so = strcmp(PATTERN_JUDGEMENT, judged.name) == 0;
    if (named_so && said != judged.said)
        fail_msg("of some expressions something else is said than images keep as `%s`: give PATTERN_JUDGEMENT (plan/patterns.h) a new name, and `judged` here that name and 0x%016llx",
            judged.name, (unsigned long long)said);
    if (!named_so)
        fail_msg("the judgement has a new name: give `judged` here the name `%s` and 0x%016llx", PATTERN_JUDGEMENT, (unsigned long long)said);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_said_of_an_expression_keeps_its_name), cmocka_unit_test(what_is_matched_is_reported), cmocka_unit_test(what_random_expressions_match_is_reported)};
    if (argc > 1)
        expression_count = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        expression_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
