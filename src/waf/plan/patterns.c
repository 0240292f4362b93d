/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/patterns.h"

#include <hs/hs.h>
#include <stdlib.h>
#include <string.h>

#include "waf/detect/detect.h"
#include "waf/operator/validate.h"
#include "waf/pattern/pattern.h"
#include "waf/plan/ends.h"

/* One report for each rule and scan is enough; the expression's own flags are those of regex.c. */
#define EXPRESSION_FLAGS (HS_FLAG_DOTALL | HS_FLAG_MULTILINE | HS_FLAG_SINGLEMATCH | HS_FLAG_PREFILTER)
/* Longer ones make large automata. */
#define EXPRESSION_MAX 16384

/* "(?" with options of which some are switched off, or "(*": PCRE2's verbs. */
static bool is_odd_group(struct bytes e, size_t at)
{
    if (bytes_slice(e, at, 2).len < 2 || (e.at[at + 1] != '?' && e.at[at + 1] != '*'))
        return false;
    size_t i = at + 2;
    while (i < e.len && ((e.at[i] >= 'a' && e.at[i] <= 'z') || (e.at[i] >= 'A' && e.at[i] <= 'Z')))
        i++;
    return e.at[at + 1] == '*' || (i < e.len && e.at[i] == '-');
}

/* Where an expression means the ends of its value, or something that Hyperscan has otherwise, it is not for a buffer of many values. */
static bool is_for_buffers(struct bytes e)
{
    for (size_t i = 0; i < e.len; i++) {
        if (!e.at[i])
            return false;
        if (e.at[i] == '\\') {
            if (++i == e.len || memchr("AzZGKQERXC", e.at[i], 10))
                return false;
        } else if (e.at[i] == '(' && is_odd_group(e, i)) {
            return false;
        }
    }
    return e.len && e.len <= EXPRESSION_MAX;
}

bool byte_is_plain(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || (byte && strchr(" _.,-", byte));
}

unsigned byte_sort(uint8_t byte)
{
    static const char *const sorts[] = {" ", ".,", "-_", "/", ":;", "=&", "%", "'\"`", "<>", "()", "{}[]", "\\", "|$#@!^~", "*+?"};
    if (byte >= '0' && byte <= '9')
        return 0;
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
        return 1;
    for (unsigned i = 0; i < sizeof sorts / sizeof *sorts; i++)
        if (byte && strchr(sorts[i], byte))
            return i + 2;
    return BYTE_SORT_ODD;
}

static struct byte_set plain_bytes(void)
{
    struct byte_set set = {{0}};
    for (unsigned byte = 0; byte < 256; byte++)
        if (byte_is_plain((uint8_t)byte))
            set.bits[byte / 64] |= UINT64_C(1) << (byte % 64);
    return set;
}

/* All that are printable, but for one sort. */
static struct byte_set bytes_without(unsigned sort)
{
    struct byte_set set = {{0}};
    for (unsigned byte = 0; byte < 256; byte++)
        if (byte_sort((uint8_t)byte) != BYTE_SORT_ODD && byte_sort((uint8_t)byte) != sort)
            set.bits[byte / 64] |= UINT64_C(1) << (byte % 64);
    return set;
}

/* What a text must have for the expression to match. */
struct demands {
    bool strange; /* a byte that is not plain */
    bool narrows; /* less may match in plain bytes alone: pattern_among */
    uint16_t needs;
};

/* Memory that is out makes it one that may match anything. */
static struct demands expression_demands(struct bytes e, struct arena *a)
{
    struct demands ret = {0};
    struct arena *tree = arena_child(a);
    const struct pattern_tree *read = tree ? pattern_read(e, tree) : NULL;
    struct byte_set plain = plain_bytes();
    struct bytes narrow = e;
    ret.strange = read && !pattern_fits(read, &plain);
    ret.narrows = read && !ret.strange && pattern_among(read, &plain, tree, &narrow) && !bytes_equal(narrow, e);
    for (unsigned sort = 0; read && sort < BYTE_SORTS; sort++) {
        struct byte_set others = bytes_without(sort);
        if (!pattern_fits(read, &others))
            ret.needs |= (uint16_t)(1u << sort);
    }
    arena_destroy(tree);
    return ret;
}

static struct demands literal_demands(struct bytes literal)
{
    struct demands ret = {0};
    for (size_t i = 0; i < literal.len; i++) {
        unsigned sort = byte_sort(literal.at[i]);
        ret.strange |= !byte_is_plain(literal.at[i]);
        ret.needs |= sort == BYTE_SORT_ODD ? UINT16_MAX : (uint16_t)(1u << sort);
    }
    return ret;
}

static enum patterns_result add(struct patterns *p, struct pattern item, struct arena *a)
{
    struct pattern *grown = item.text ? arena_grow(a, p->items, p->count, &p->capacity, sizeof *grown) : NULL;
    if (!grown)
        return PATTERNS_MEMORY;
    p->items = grown;
    grown[p->count++] = item;
    return PATTERNS_OK;
}

/* Hyperscan takes it, and it does not match where there is nothing. */
static bool is_taken(const char *text, unsigned flags)
{
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    bool ok = hs_expression_info(text, flags, &info, &error) == HS_SUCCESS && info->min_width > 0;
    hs_free_compile_error(error);
    free(info);
    return ok;
}

/* What is asked of an expression once. */
struct judging {
    const char *text; /* as Hyperscan is to see it */
    unsigned flags;
    struct bytes expression;
    struct arena *arena;
};

enum {
    FACT_TAKEN = 1,
    FACT_STRANGE = 2,
    FACT_NARROWS = 4,
    FACT_NEEDS_SHIFT = 8, /* of the needs, in the bits above */
};

static uint32_t judge(void *context)
{
    const struct judging *j = context;
    if (!is_taken(j->text, j->flags))
        return 0;
    struct demands d = expression_demands(j->expression, j->arena);
    return FACT_TAKEN | (d.strange ? FACT_STRANGE : 0u) | (d.narrows ? FACT_NARROWS : 0u) | (uint32_t)d.needs << FACT_NEEDS_SHIFT;
}

/* Appends it, for texts of these kinds, if Hyperscan takes it. */
static enum patterns_result add_judged(struct patterns *p, struct pattern item, struct bytes e, struct arena *a, uint32_t *ret_fact)
{
    switch (ends_mark(e, a, &item.text)) {
    case ENDS_MEMORY:
        return PATTERNS_MEMORY;
    case ENDS_NONE:
        return PATTERNS_NONE;
    case ENDS_OK:
        break;
    }
    struct judging judging = {item.text, item.flags, e, a};
    *ret_fact = compiled_fact(p->compiled, &(struct fact_wanted){PATTERN_JUDGEMENT, bytes_of_text(item.text), item.flags, judge, &judging});
    if (*ret_fact == FACT_MEMORY)
        return PATTERNS_MEMORY;
    item.of_kind[TEXT_PLAIN] &= !(*ret_fact & FACT_STRANGE);
    item.needs = (uint16_t)(*ret_fact >> FACT_NEEDS_SHIFT);
    return *ret_fact & FACT_TAKEN ? add(p, item, a) : PATTERNS_NONE;
}

/* In plain texts, what of the last one can match there takes its place. */
static enum patterns_result add_narrow(struct patterns *p, struct bytes e, struct arena *a)
{
    size_t whole = p->count - 1;
    struct pattern item = p->items[whole];
    struct arena *tree = arena_child(a);
    const struct pattern_tree *read = tree ? pattern_read(e, tree) : NULL;
    struct byte_set plain = plain_bytes();
    uint32_t fact;
    bool ok = read && pattern_among(read, &plain, a, &e);
    arena_destroy(tree);
    if (!ok)
        return PATTERNS_MEMORY;
    item.of_kind[TEXT_STRANGE] = false;
    enum patterns_result result = add_judged(p, item, e, a, &fact);
    p->items[whole].of_kind[TEXT_PLAIN] = result != PATTERNS_OK;
    return result == PATTERNS_NONE ? PATTERNS_OK : result;
}

static enum patterns_result add_expression(struct patterns *p, uint32_t rule, struct bytes e, bool caseless, struct arena *a)
{
    struct pattern item = {.flags = EXPRESSION_FLAGS | (caseless ? HS_FLAG_CASELESS : 0), .rule = rule, .of_kind = {true, true}};
    uint32_t fact;
    if (!is_for_buffers(e))
        return PATTERNS_NONE;
    enum patterns_result result = add_judged(p, item, e, a, &fact);
    return result == PATTERNS_OK && fact & FACT_NARROWS ? add_narrow(p, e, a) : result;
}

/* As \xHH, which has no other meaning. */
static char *put_byte(char *at, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char quad[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    return mempcpy(at, quad, sizeof quad);
}

/* Byte by byte, so that nothing in it has a meaning. */
static enum patterns_result add_literal(struct patterns *p, uint32_t rule, struct bytes literal, bool caseless, struct arena *a)
{
    if (!literal.len || literal.len > EXPRESSION_MAX / 4)
        return PATTERNS_NONE;
    char *text = arena_alloc(a, literal.len * 4 + 1), *at = text;
    if (!text)
        return PATTERNS_MEMORY;
    for (size_t i = 0; i < literal.len; i++)
        at = put_byte(at, literal.at[i]);
    struct demands d = literal_demands(literal);
    struct pattern item = {.text = text, .flags = HS_FLAG_SINGLEMATCH | (caseless ? HS_FLAG_CASELESS : 0), .rule = rule, .of_kind = {!d.strange, true}, .needs = d.needs};
    return add(p, item, a);
}

static enum patterns_result add_phrases(struct patterns *p, uint32_t rule, const struct phrases *phrases, struct arena *a)
{
    enum patterns_result result = phrases->count ? PATTERNS_OK : PATTERNS_NONE;
    for (size_t i = 0; i < phrases->count && result == PATTERNS_OK; i++)
        result = add_literal(p, rule, phrases->items[i], true, a);
    return result;
}

/* A class of bytes, where the separator is none of them. */
static enum patterns_result add_class(struct patterns *p, uint32_t rule, const bool class[256], struct arena *a)
{
    char *text = arena_alloc(a, 256 * 4 + 3), *at = text;
    if (!text)
        return PATTERNS_MEMORY;
    bool strange = true;
    uint16_t needs = UINT16_MAX; /* one sort, where it has all that are printable; all of them, where none is */
    *at++ = '[';
    for (unsigned byte = 0; byte < 256; byte++) {
        if (class[byte])
            at = put_byte(at, (uint8_t)byte);
        strange &= !class[byte] || !byte_is_plain((uint8_t)byte);
        if (class[byte] && byte_sort((uint8_t)byte) != BYTE_SORT_ODD)
            needs &= (uint16_t)(1u << byte_sort((uint8_t)byte));
    }
    *at = ']';
    struct pattern item = {.text = text, .flags = HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL, .rule = rule, .of_kind = {!strange, true}, .needs = needs};
    return class[SEPARATOR] || at == text + 1 ? PATTERNS_NONE : add(p, item, a);
}

static enum patterns_result add_detector(struct patterns *p, uint32_t rule, bool (*needs)(uint8_t), struct arena *a)
{
    bool class[256];
    for (unsigned byte = 0; byte < 256; byte++)
        class[byte] = needs((uint8_t)byte);
    return add_class(p, rule, class, a);
}

/* What @validateByteRange does not let by. */
static enum patterns_result add_range(struct patterns *p, uint32_t rule, struct bytes operand, struct arena *a)
{
    struct byte_set set;
    struct bytes wrong;
    bool class[256];
    if (!byte_set_parse(operand, &set, &wrong))
        return PATTERNS_NONE;
    for (unsigned byte = 0; byte < 256; byte++)
        class[byte] = !byte_set_has(&set, (uint8_t)byte);
    return add_class(p, rule, class, a);
}

static enum patterns_result add_of_rule(struct patterns *p, const struct waf_rule_set *set, uint32_t rule, const struct phrases *phrases, bool caseless,
    struct arena *a)
{
    struct bytes operand = waf_text_bytes(set, set->rules[rule].operand_text);
    switch ((enum operator)set->rules[rule].operator) {
    case OPERATOR_RX:
    case OPERATOR_RX_GLOBAL:
        return add_expression(p, rule, operand, caseless, a);
    case OPERATOR_PM:
    case OPERATOR_PM_FROM_FILE:
        return add_phrases(p, rule, phrases, a);
    case OPERATOR_CONTAINS:
    case OPERATOR_CONTAINS_WORD:
    case OPERATOR_STR_MATCH:
    case OPERATOR_STR_EQ:
    case OPERATOR_BEGINS_WITH:
    case OPERATOR_ENDS_WITH:
        return add_literal(p, rule, operand, caseless, a);
    case OPERATOR_DETECT_SQLI:
        return add_detector(p, rule, sqli_needs, a);
    case OPERATOR_DETECT_XSS:
        return add_detector(p, rule, xss_needs, a);
    case OPERATOR_VALIDATE_BYTE_RANGE:
        return add_range(p, rule, operand, a);
    default:
        return PATTERNS_NONE;
    }
}

enum patterns_result patterns_of_rule(const struct waf_rule_set *set, uint32_t rule, const struct phrases *phrases, bool caseless, struct arena *a,
    struct patterns *ret)
{
    size_t before = ret->count;
    enum patterns_result result = add_of_rule(ret, set, rule, phrases, caseless, a);
    if (result != PATTERNS_OK)
        ret->count = before;
    return result;
}

/* ---- case */

static bool has(struct bytes e, const char *text)
{
    return e.len && memmem(e.at, e.len, text, strlen(text));
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

/* A range from below the capitals that may end among them, or before the small letters do. */
static bool cuts_letters(struct bytes e, size_t dash)
{
    if (!dash || dash + 1 >= e.len)
        return false;
    uint8_t from = e.at[dash - 1], to = e.at[dash + 1];
    bool escaped = dash > 1 && e.at[dash - 2] == '\\' && from >= 'a';
    return (from < 'A' || escaped) && to >= 'A' && to < 'z';
}

/* The escape at `at` may stand for a capital. */
static bool may_be_upper(struct bytes e, size_t at)
{
    uint8_t kind = at + 1 < e.len ? e.at[at + 1] : 0;
    if (kind != 'x')
        return kind == 'o' || kind == 'c' || kind == 'N' || (kind >= '0' && kind <= '9');
    int high = at + 2 < e.len ? hex_value(e.at[at + 2]) : -1, low = at + 3 < e.len ? hex_value(e.at[at + 3]) : -1;
    return high < 0 || low < 0 || is_upper((uint8_t)(high << 4 | low));
}

/*
 * A class that leaves out capitals has small letters, and leaves them out too where case does not count. Whether the
 * capital stands in that class is not looked at, nor what Unicode's properties are.
 */
bool pattern_minds_case(const struct waf_rule_set *set, uint32_t rule)
{
    const struct waf_rule *r = &set->rules[rule];
    struct bytes e = waf_text_bytes(set, r->operand_text);
    if (r->operator != OPERATOR_RX && r->operator != OPERATOR_RX_GLOBAL)
        return r->operator == OPERATOR_VALIDATE_BYTE_RANGE;
    if (has(e, "\\p") || has(e, "\\P") || has(e, "[:^"))
        return true;
    bool negates = has(e, "[^"), upper = has(e, ":upper:");
    for (size_t i = 0; i < e.len && negates && !upper; i++) {
        upper = is_upper(e.at[i]) || (e.at[i] == '-' && cuts_letters(e, i)) || (e.at[i] == '\\' && may_be_upper(e, i));
        i += e.at[i] == '\\';
    }
    return negates && upper;
}
