/* SPDX-License-Identifier: Apache-2.0 */
/* A rule's operator on one value. */
#include "waf/engine/transaction.h"

#include "waf/detect/detect.h"
#include "waf/operator/identity.h"

/* Candidates that @verify... looks at in one value; a value with more of them is said to be cut short. */
#define CANDIDATES_MAX 10000

/* The clock is asked once for so many operations, and for each value that is longer than so many bytes. */
#define OPERATIONS_UNTIMED 64
#define BYTES_UNTIMED 4096

/* What one evaluation has at hand. */
struct operation {
    struct waf_transaction *t;
    const struct waf_rule *rule;
    const struct rule_operand *operand;
    const struct prepared_rule *prepared;
    struct bytes argument; /* macros expanded */
    struct bytes value;
    struct match *match;
};

/* TX:0 and up are what was found, when the rule asks for it. */
static bool capture(const struct operation *o, unsigned group, struct bytes found)
{
    struct waf_values *tx = &o->t->lists[VARIABLE_TX];
    return !o->rule->written.capture || values_lend_known(tx, VARIABLE_TX, group, tx->known->names->items[group].text, found, o->t->arena);
}

static bool take_limit(const struct operation *o, enum regex_result result)
{
    if (result == REGEX_NO || result == REGEX_YES)
        return true;
    if (result == REGEX_STOPPED)
        return false;
    o->t->undecided = true;
    limit_passed(o->t, result == REGEX_LIMIT ? "a regular expression came to its match limit" : "a regular expression could not be decided");
    return transaction_tell_rules(o->t, KNOWN_MATCH_LIMIT);
}

static bool run_regex(const struct operation *o, const struct regex *r, bool *ret)
{
    struct match groups[REGEX_CAPTURES_MAX];
    size_t count = 0;
    enum regex_result result = regex_match(r, o->t->scratch->regex, o->value, groups, &count);
    *ret = result == REGEX_YES;
    if (!*ret)
        return take_limit(o, result);
    *o->match = groups[0];
    for (unsigned i = 0; i < count && o->rule->written.capture; i++)
        if (groups[i].offset != REGEX_UNSET && !capture(o, i, bytes_slice(o->value, groups[i].offset, groups[i].length)))
            return false;
    return true;
}

/* An expression whose text is known only now. One that does not compile matches nothing, as in ModSecurity. */
static bool run_rx(const struct operation *o, bool *ret)
{
    struct regex_error ignored;
    *ret = false;
    if (o->operand->regex)
        return run_regex(o, o->operand->regex, ret);
    struct regex *r = regex_compile(o->argument, false, &ignored);
    if (!r) {
        limit_passed(o->t, "a regular expression with macros did not compile");
        return true;
    }
    bool ok = run_regex(o, r, ret);
    regex_free(r);
    return ok;
}

static bool run_verify(const struct operation *o, bool (*valid)(struct bytes), bool *ret)
{
    size_t from = 0, count = 0;
    struct match groups[REGEX_CAPTURES_MAX];
    *ret = false;
    for (unsigned tried = 0; from <= o->value.len; tried++) {
        if (tried == CANDIDATES_MAX) {
            limit_passed(o->t, "a value has more candidates for @verify... than are looked at");
            return true;
        }
        if (tried && o->value.len > BYTES_UNTIMED && !time_is_left(o->t))
            return false;
        enum regex_result result = regex_match_from(o->operand->regex, o->t->scratch->regex, o->value, from, groups, &count);
        if (result != REGEX_YES)
            return take_limit(o, result);
        struct bytes found = bytes_slice(o->value, groups[0].offset, groups[0].length);
        if (valid(found)) {
            *ret = true;
            *o->match = groups[0];
            return capture(o, 0, found);
        }
        from = groups[0].offset + 1;
    }
    return true;
}

static bool run_phrases(const struct operation *o, bool *ret)
{
    struct bytes phrase;
    *ret = phrases_find(&o->operand->phrases, o->t->scratch->scan, o->value, o->match, &phrase);
    return !*ret || capture(o, 0, phrase);
}

static bool run_sqli(const struct operation *o, bool *ret)
{
    struct sqli_finding found;
    *ret = sqli_detect(o->value, &found);
    if (!*ret)
        return true;
    *o->match = (struct match){found.at, found.len};
    struct bytes fingerprint; /* what was found is gone with this call */
    return bytes_copy(bytes_of_text(found.fingerprint), o->t->arena, &fingerprint) && capture(o, 0, fingerprint);
}

static bool run_xss(const struct operation *o, bool *ret)
{
    struct xss_finding found;
    *ret = xss_detect(o->value, &found);
    if (*ret)
        *o->match = (struct match){found.at, found.len};
    return !*ret || capture(o, 0, o->value);
}

static bool run(const struct operation *o, bool *ret)
{
    enum operator operator = o->rule->operator;
    *ret = false;
    switch (operator) {
    case OPERATOR_RX:
    case OPERATOR_RX_GLOBAL:
        return run_rx(o, ret);
    case OPERATOR_PM:
    case OPERATOR_PM_FROM_FILE:
        return run_phrases(o, ret);
    case OPERATOR_DETECT_SQLI:
        return run_sqli(o, ret);
    case OPERATOR_DETECT_XSS:
        return run_xss(o, ret);
    case OPERATOR_VERIFY_CC:
        return run_verify(o, card_number_valid, ret);
    case OPERATOR_VERIFY_CPF:
        return run_verify(o, cpf_valid, ret);
    case OPERATOR_VERIFY_SSN:
        return run_verify(o, ssn_valid, ret);
    case OPERATOR_VERIFY_SVNR:
        return run_verify(o, svnr_valid, ret);
    case OPERATOR_BEGINS_WITH:
    case OPERATOR_ENDS_WITH:
    case OPERATOR_CONTAINS:
    case OPERATOR_STR_MATCH:
    case OPERATOR_CONTAINS_WORD:
    case OPERATOR_STR_EQ:
    case OPERATOR_WITHIN:
        *ret = texts_match(operator, o->value, o->argument, o->match);
        return true;
    case OPERATOR_EQ:
    case OPERATOR_GE:
    case OPERATOR_GT:
    case OPERATOR_LE:
    case OPERATOR_LT:
        *ret = numbers_match(operator, operand_number(operator, o->value), o->rule->operand_macros ? operand_number(operator, o->argument) : o->prepared->number);
        return true;
    case OPERATOR_IP_MATCH:
    case OPERATOR_IP_MATCH_FROM_FILE:
        *ret = address_list_matches(&o->operand->addresses, o->value);
        return true;
    case OPERATOR_VALIDATE_BYTE_RANGE:
        *ret = value_leaves_byte_set(o->value, &o->operand->bytes, o->match);
        return true;
    case OPERATOR_VALIDATE_URL_ENCODING:
        *ret = value_breaks_url_encoding(o->value, o->match);
        return true;
    case OPERATOR_VALIDATE_UTF8_ENCODING:
        *ret = value_breaks_utf8(o->value, o->match);
        return true;
    case OPERATOR_UNCONDITIONAL_MATCH:
        *ret = true;
        return true;
    case OPERATOR_GEO_LOOKUP:
        return outside_place(o->t, o->value, ret);
    case OPERATOR_RBL:
        *ret = outside_listed(o->t, o->value, o->argument);
        return !*ret || capture(o, 0, o->value);
    case OPERATOR_COUNT:
        break;
    }
    return true;
}

bool time_is_left(struct waf_transaction *t)
{
    const struct waf_options *o = &t->options;
    if (o->most_time && o->duration && !t->out_of_time)
        t->out_of_time = o->duration(o->argument) - t->time_began > o->most_time;
    return !t->out_of_time;
}

bool operate(struct waf_transaction *t, uint32_t rule, struct bytes value, bool *ret_matched, struct match *ret)
{
    const struct waf_rule *r = &t->set->rules[rule];
    const struct prepared_rule *prepared = &t->program->prepared.rules[rule];
    struct operation o = {.t = t, .rule = r, .operand = &t->program->operands[rule], .prepared = prepared, .argument = prepared->argument, .value = value, .match = ret};
    *ret = (struct match){0, value.len};
    if ((t->operations++ % OPERATIONS_UNTIMED == 0 || value.len > BYTES_UNTIMED) && !time_is_left(t))
        return false;
    if ((r->operand_macros && !macros_expand(t, r->operand, &o.argument)) || !run(&o, ret_matched))
        return false;
    if (r->negated) {
        *ret_matched = !*ret_matched;
        *ret = (struct match){0, value.len};
    }
    return true;
}
