/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"
#include "waf/language/reading.h"

/* Without a ! before it; `ret_negated` says whether there was one. */
static struct piece without_not(const struct piece *p, bool *ret_negated)
{
    size_t at = 0;
    *ret_negated = false;
    while (at < p->text.len && (p->text.at[at] == ' ' || p->text.at[at] == '\t'))
        at++;
    if (at < p->text.len && p->text.at[at] == '!') {
        *ret_negated = true;
        at++;
        while (at < p->text.len && (p->text.at[at] == ' ' || p->text.at[at] == '\t'))
            at++;
    }
    return piece_slice(p, at, SIZE_MAX);
}

/* Bytes of the operator's name behind the @. */
static size_t name_length(const struct piece *p)
{
    size_t len = 1;
    while (len < p->text.len && byte_is_alnum(p->text.at[len]))
        len++;
    return len - 1;
}

static bool operator_find(struct bytes name, size_t *ret)
{
    if (word_is(name, "pmf"))
        *ret = OPERATOR_PM_FROM_FILE;
    else if (word_is(name, "ipMatchF"))
        *ret = OPERATOR_IP_MATCH_FROM_FILE;
    else
        return word_find(name, operator_names, OPERATOR_COUNT, ret);
    return true;
}

bool operator_wants_word(const struct piece *p)
{
    bool negated;
    struct piece text = without_not(p, &negated);
    if (text.text.len == 0 || text.text.at[0] != '@')
        return false;
    size_t len = name_length(&text), index;
    return len + 1 == text.text.len && operator_find(bytes_slice(text.text, 1, len), &index) &&
        operator_operands[index] != OPERAND_NONE;
}

/* N or N-M, of @validateByteRange. */
static bool byte_range_check(const struct piece *range)
{
    const uint8_t *dash = range->text.len ? memchr(range->text.at, '-', range->text.len) : NULL;
    size_t split = dash ? (size_t)(dash - range->text.at) : range->text.len;
    struct piece first = piece_slice(range, 0, split), last = dash ? piece_slice(range, split + 1, SIZE_MAX) : first;
    uint64_t from, to;
    first = piece_trim(first);
    last = piece_trim(last);
    if (!number_read(&first, 255, &from) || !number_read(&last, 255, &to))
        return false;
    return from <= to || piece_error(range, NULL, "the range is empty: %u is more than %u", (unsigned)from, (unsigned)to);
}

/* An address or a prefix, of @ipMatch. */
static bool prefix_check(const struct piece *p)
{
    struct prefix prefix;
    bool host_bits;
    char shown[60];
    return prefix_parse(p->text, &prefix, &host_bits) ||
        piece_error(p, "such as 192.0.2.1 or 2001:db8::/32", "`%s` is not an address or a prefix", piece_shown(p, shown, sizeof shown));
}

/* All that stand between commas. */
static bool each_check(const struct piece *p, bool (*check)(const struct piece *one))
{
    bool ok = true;
    for (size_t at = 0; at <= p->text.len;) {
        size_t end = at;
        while (end < p->text.len && p->text.at[end] != ',')
            end++;
        struct piece one = piece_slice(p, at, end - at);
        one = piece_trim(one);
        ok = check(&one) && ok;
        at = end + 1;
    }
    return ok;
}

static bool is_number(struct bytes text)
{
    size_t at = text.len && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    return at < text.len && byte_is_digit(text.at[at]);
}

static bool compares_numbers(size_t operator)
{
    return operator == OPERATOR_EQ || operator == OPERATOR_GE || operator == OPERATOR_GT || operator == OPERATOR_LE ||
        operator == OPERATOR_LT;
}

/* The files that the operand names, into data_uses. */
static bool files_read(struct reading *r, const struct piece *p, struct waf_span *ret)
{
    size_t first = r->draft->data_uses.count;
    bool ok = true;
    for (size_t at = 0; at < p->text.len;) {
        size_t end = at;
        while (end < p->text.len && p->text.at[end] != ' ' && p->text.at[end] != '\t')
            end++;
        struct piece name = piece_slice(p, at, end - at);
        uint32_t index;
        if (name.text.len == 0) {
        } else if (data_read(r, &name, &index)) {
            uint32_t *use = DRAFT_ADD(r->draft, data_uses);
            if (use)
                *use = index;
        } else {
            ok = false;
        }
        at = end + 1;
    }
    *ret = DRAFT_SPAN(r->draft, data_uses, first);
    return ok;
}

/* The operand's text, which is there already when it is all of one part. */
static struct waf_text as_written(struct draft *d, struct waf_template operand, const struct piece *p)
{
    if (operand.count == 1 && !d->parts.items[operand.first].macro && d->parts.items[operand.first].text.len == p->text.len)
        return d->parts.items[operand.first].text;
    return draft_text(d, p->text);
}

static bool operand_read(struct reading *r, const struct piece *p, struct waf_rule *rule)
{
    bool macros;
    bool ok = template_read(r->draft, p, &rule->operand, &macros);
    rule->operand_text = as_written(r->draft, rule->operand, p);
    rule->operand_macros = macros && operator_operands[rule->operator] == OPERAND_TEXT;
    if (macros && !rule->operand_macros)
        piece_warning(p, NULL, "@%s does not expand macros", operator_names[rule->operator]);
    if (operator_operands[rule->operator] == OPERAND_FILE)
        ok = files_read(r, p, &rule->data) && ok;
    if (rule->operator == OPERATOR_VALIDATE_BYTE_RANGE)
        ok = each_check(p, byte_range_check) && ok;
    if (rule->operator == OPERATOR_IP_MATCH)
        ok = each_check(p, prefix_check) && ok;
    if (!macros && compares_numbers(rule->operator) && !is_number(p->text))
        piece_warning(p, NULL, "@%s compares numbers, and this is none: it counts as 0", operator_names[rule->operator]);
    return ok;
}

bool operator_read(struct reading *r, const struct piece *p, struct waf_rule *rule)
{
    struct piece text = without_not(p, &rule->negated);
    if (text.text.len == 0 || text.text.at[0] != '@') {
        rule->operator = OPERATOR_RX;
        if (text.text.len == 0)
            return piece_error(p, "the operator that always matches is @unconditionalMatch", "the operator is empty");
        return operand_read(r, &text, rule);
    }
    size_t len = name_length(&text), index;
    struct piece name = piece_slice(&text, 1, len), operand = piece_slice(&text, 1 + len, SIZE_MAX);
    if (len == 0)
        return piece_error(&text, "a regular expression that begins with @ is written @rx @...", "the name of an operator is missing after @");
    if (!operator_find(name.text, &index))
        return unknown_word(&name, "an operator", "@", operator_names, OPERATOR_COUNT, refused_operators);
    rule->operator = (uint8_t)index;
    char shown[40];
    if (operand.text.len && operand.text.at[0] != ' ' && operand.text.at[0] != '\t')
        return piece_error(&operand, NULL, "unexpected `%s` after @%s", piece_shown(&operand, shown, sizeof shown), operator_names[index]);
    if (operator_operands[index] == OPERAND_NONE) {
        operand = piece_trim(operand);
        return operand.text.len == 0 || piece_error(&operand, NULL, "@%s takes no operand", operator_names[index]);
    }
    operand = piece_slice(&operand, 1, SIZE_MAX); /* one blank is between them; what follows is the operand's */
    if (operand.text.len == 0)
        return piece_error(&name, NULL, "@%s needs an operand", operator_names[index]);
    return operand_read(r, &operand, rule);
}
