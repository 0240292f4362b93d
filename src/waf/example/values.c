/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/values.h"

#include "waf/example/encode.h"
#include "waf/example/pattern_make.h"
#include "waf/operator/number.h"

/* Texts that are made from one expression at most; most of the Core Rule Set's match at the first. */
#define TEXTS_MAX 4000
#define FILLED_MAX 200000

struct making {
    const struct waf_program *program;
    struct waf_scratch *scratch;
    const struct waf_rule *rule;
    const struct rule_operand *operand;
    struct bytes argument; /* macros replaced */
    struct chance *chance;
    struct arena *arena;
    struct values *values;
    bool ok; /* memory has not run out */
};

static void keep(struct making *m, struct bytes value)
{
    char *copy = m->values->count < VALUES_MAX ? arena_text(m->arena, value.len ? (const char *)value.at : "", value.len) : NULL;
    if (copy)
        m->values->items[m->values->count++] = bytes_of(copy, value.len);
    else if (m->values->count < VALUES_MAX)
        m->ok = false;
}

static void keep_text(struct making *m, const char *text)
{
    keep(m, bytes_of_text(text));
}

/* What the transformations leave of the value once it is sent so that they undo. */
static struct bytes arrived(struct making *m, struct bytes value, struct arena *a)
{
    const struct waf_rule_set *set = m->program->set;
    struct sketch d = {.arena = a};
    value = encode_undo(&d, set, m->rule->transformations, value, false);
    for (uint32_t i = 0; i < m->rule->transformations.count; i++)
        if (!transform((enum transformation)set->transformations[m->rule->transformations.first + i], m->program->unicode, value, a, &value))
            m->ok = false;
    return value;
}

/* ---- what does not match */

static const char *const others[] = {"x", "example", "0", "text/x-example", "FOO", "HTTP/9.9", "example.com", "a b", "-1", "GET / / HTTP/1.1", "GE@T / HTTP/1.1",
    "/x", "other.example", "../x", "%41", "1;2", "utf-9", "\"", "http://other.example/x", "", "500", "charset=x-example", "text/html; charset=x-example"};

static void make_others(struct making *m)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        keep_text(m, others[i]);
}

/* ---- expressions */

static bool regex_finds(struct making *m, const struct regex *regex, struct bytes value)
{
    struct arena *a = arena_child(m->arena);
    if (!a) {
        m->ok = false;
        return false;
    }
    bool found = (regex_match(regex, m->scratch->regex, arrived(m, value, a), NULL, NULL) == REGEX_YES) != m->rule->negated;
    arena_destroy(a);
    return found;
}

static void make_matching(struct making *m, const struct regex *regex)
{
    const struct pattern_tree *p = pattern_read(m->argument, m->arena);
    if (!p) {
        m->values->why_none = "its expression has syntax from which no text is made here";
        return;
    }
    m->values->why_none = "of the texts that were made from its expression none was matched by it";
    for (size_t i = 0; i < TEXTS_MAX && m->values->count < VALUES_MAX && m->ok; i++) {
        struct text t = text_new(2 * PATTERN_TEXT_MAX);
        pattern_make(p, m->chance, &t);
        struct bytes made = bytes_of(text_cstr(&t), t.len);
        if (!t.failed && regex_finds(m, regex, made))
            keep(m, made);
        text_free(&t);
    }
}

static void make_rx(struct making *m)
{
    struct regex_error ignored;
    struct regex *own = m->operand->regex ? NULL : regex_compile(m->argument, false, &ignored);
    const struct regex *regex = m->operand->regex ? m->operand->regex : own;
    if (!regex)
        m->values->why_none = "its expression is known only while it runs";
    else if (!m->rule->negated)
        make_matching(m, regex);
    else
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (regex_finds(m, regex, bytes_of_text(others[i])))
                keep_text(m, others[i]);
    regex_free(own);
}

/* ---- phrases and words */

static void make_phrases(struct making *m)
{
    const struct phrases *p = &m->operand->phrases;
    for (size_t i = 0; i < p->count && i < VALUES_MAX / 2; i++)
        keep(m, p->items[i]);
    for (size_t i = 0; p->count && i < VALUES_MAX / 2; i++)
        keep(m, p->items[chance_below(m->chance, (uint32_t)p->count)]);
}

static void make_joined(struct making *m, const char *before, const char *after)
{
    struct text t = text_new((size_t)1 << 20);
    text_puts(&t, before);
    if (m->argument.len)
        text_append(&t, m->argument.at, m->argument.len);
    text_puts(&t, after);
    keep(m, bytes_of(text_cstr(&t), t.len));
    text_free(&t);
}

/* Words of a list, whatever stands between them. */
static void make_words(struct making *m)
{
    size_t from = 0;
    for (size_t i = 0; i <= m->argument.len; i++) {
        if (i < m->argument.len && !strchr(" ,|/", m->argument.at[i]))
            continue;
        if (i > from)
            keep(m, bytes_slice(m->argument, from, i - from));
        from = i + 1;
    }
    keep(m, m->argument);
}

/* ---- numbers */

static bool measures_length(const struct making *m)
{
    for (uint32_t i = 0; i < m->rule->transformations.count; i++)
        if (m->program->set->transformations[m->rule->transformations.first + i] == TRANSFORM_LENGTH)
            return true;
    return false;
}

static void make_number(struct making *m, int64_t n)
{
    struct text t = text_new(FILLED_MAX + 1);
    if (n < 0)
        return;
    if (measures_length(m))
        for (int64_t i = 0; i < n && i < FILLED_MAX; i++)
            text_puts(&t, "a");
    else
        text_printf(&t, "%lld", (long long)n);
    keep(m, bytes_of(text_cstr(&t), t.len));
    text_free(&t);
}

static void make_numbers(struct making *m)
{
    int64_t n = number_of(m->argument);
    enum operator o = m->rule->operator;
    bool more = o == OPERATOR_GE || o == OPERATOR_GT, equal = o == OPERATOR_GE || o == OPERATOR_LE || o == OPERATOR_EQ;
    if (o == OPERATOR_EQ)
        more = m->rule->negated;
    else if (m->rule->negated)
        more = !more;
    if (equal != m->rule->negated)
        make_number(m, n);
    if (o != OPERATOR_EQ || m->rule->negated) {
        make_number(m, more ? n + 1 : n - 1);
        make_number(m, more ? n * 10 + 5 : 0);
    }
    if (o == OPERATOR_EQ && m->rule->negated && n)
        make_number(m, 0);
}

/* ---- what is not well formed */

static void make_bytes_outside(struct making *m)
{
    static const uint8_t some[] = {1, 0, 0x7f, 0x80, 0xff, '"', '<', '{', '%', '`', ' ', '\\', '\t'};
    for (size_t i = 0; i < sizeof some; i++) {
        uint8_t value[] = {'x', some[i], 'x'};
        if (!byte_set_has(&m->operand->bytes, some[i]))
            keep(m, bytes_of(value, sizeof value));
    }
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        if (!byte_set_has(&m->operand->bytes, byte))
            keep(m, bytes_of(&byte, 1));
    }
}

static void make_address(struct making *m)
{
    size_t len = 0;
    while (len < m->argument.len && !strchr(" ,/\n", m->argument.at[len]))
        len++;
    keep(m, bytes_slice(m->argument, 0, len));
    for (size_t i = 0; i < m->rule->data.count; i++) {
        struct bytes text = waf_text_bytes(m->program->set, m->program->set->data[m->program->set->data_uses[m->rule->data.first + i]].content);
        m->argument = text;
        for (len = 0; len < text.len && !strchr(" ,/\n#", text.at[len]);)
            len++;
        keep(m, bytes_slice(text, 0, len));
    }
}

/* Values that are known to be matched, whatever the rule. */
static const char *const known[OPERATOR_COUNT][4] = {
    [OPERATOR_DETECT_SQLI] = {"1' OR '1'='1", "1 UNION SELECT password FROM users--", "1; DROP TABLE users--"},
    [OPERATOR_DETECT_XSS] = {"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href=javascript:alert(1)>"},
    [OPERATOR_VALIDATE_URL_ENCODING] = {"%zz", "x%1", "%"},
    [OPERATOR_VALIDATE_UTF8_ENCODING] = {"\xff", "\xc0\x80", "x\xe2\x28\xa1"},
    [OPERATOR_VERIFY_CC] = {"4111111111111111"}, /* numbers that those who give them out have set aside for tests */
    [OPERATOR_VERIFY_CPF] = {"11144477735", "111.444.777-35"},
    [OPERATOR_VERIFY_SSN] = {"219-09-9999", "219099999"},
    [OPERATOR_VERIFY_SVNR] = {"1237010180", "1237 010180"},
    [OPERATOR_UNCONDITIONAL_MATCH] = {"x"},
};

static void make_values(struct making *m)
{
    enum operator operator = m->rule->operator;
    for (size_t i = 0; i < 4 && known[operator][i]; i++)
        keep_text(m, known[operator][i]);
    switch (operator) {
    case OPERATOR_PM:
    case OPERATOR_PM_FROM_FILE:
        make_phrases(m);
        break;
    case OPERATOR_CONTAINS:
    case OPERATOR_CONTAINS_WORD:
    case OPERATOR_STR_EQ:
    case OPERATOR_STR_MATCH:
        make_joined(m, "", "");
        break;
    case OPERATOR_BEGINS_WITH:
        make_joined(m, "", "");
        make_joined(m, "", "x");
        break;
    case OPERATOR_ENDS_WITH:
        make_joined(m, "", "");
        make_joined(m, "x", "");
        make_joined(m, "/", "");
        break;
    case OPERATOR_WITHIN:
        make_words(m);
        break;
    case OPERATOR_VALIDATE_BYTE_RANGE:
        make_bytes_outside(m);
        break;
    case OPERATOR_IP_MATCH:
    case OPERATOR_IP_MATCH_FROM_FILE:
        make_address(m);
        break;
    case OPERATOR_GEO_LOOKUP:
        m->values->why_none = "@geoLookup asks a database of places, which this engine does not have";
        break;
    case OPERATOR_RBL:
        m->values->why_none = "@rbl asks a name server, which this engine does not";
        break;
    default:
        break;
    }
}

bool values_make(const struct waf_program *p, struct waf_scratch *scratch, uint32_t rule, const struct settings *settings, struct chance *c, struct arena *a,
    struct values *ret)
{
    struct making m = {.program = p, .scratch = scratch, .rule = &p->set->rules[rule], .operand = &p->operands[rule], .chance = c, .arena = a, .values = ret, .ok = true};
    *ret = (struct values){.why_none = "its operator matches no value"};
    if (!settings_operand(p->set, settings, m.rule, a, &m.argument))
        return false;
    switch ((enum operator)m.rule->operator) {
    case OPERATOR_EQ:
    case OPERATOR_GE:
    case OPERATOR_GT:
    case OPERATOR_LE:
    case OPERATOR_LT:
        make_numbers(&m);
        break;
    case OPERATOR_RX:
    case OPERATOR_RX_GLOBAL:
        make_rx(&m);
        break;
    default:
        if (m.rule->negated)
            make_others(&m);
        else
            make_values(&m);
    }
    return m.ok;
}
