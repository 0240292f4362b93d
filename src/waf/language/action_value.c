/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"

/* The store that `p` begins with and the NAME behind its dot. */
static bool store_read(const struct piece *p, uint8_t *ret_variable, struct piece *ret_name)
{
    enum variable variable;
    size_t len;
    if (!variable_read(p, &variable, &len))
        return false;
    if (variable_shapes[variable] != SHAPE_STORE)
        return piece_error(p, "TX, IP, GLOBAL, RESOURCE, SESSION and USER can be written", "%s cannot be written", variable_names[variable]);
    *ret_name = piece_slice(p, len + 1, SIZE_MAX);
    if (ret_name->text.len == 0)
        return piece_error(p, NULL, "the name is missing: %s.NAME", variable_names[variable]);
    *ret_variable = (uint8_t)variable;
    return true;
}

/* Where the = is that ends a name; macros are skipped. */
static size_t equals_sign(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '=' && !is_escaped(text, i))
            return i;
        if (text.at[i] == '%' && i + 1 < text.len && text.at[i + 1] == '{') {
            const uint8_t *end = memchr(text.at + i, '}', text.len - i);
            if (end)
                i = (size_t)(end - text.at);
        }
    }
    return text.len;
}

static bool setvar_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value), name;
    bool unset = p.text.len && p.text.at[0] == '!';
    if (unset)
        p = piece_slice(&p, 1, SIZE_MAX);
    size_t equals = equals_sign(p.text);
    struct piece left = piece_slice(&p, 0, equals);
    if (!store_read(&left, &a->variable, &name))
        return false;
    bool ok = template_read(d, &name, &a->name, NULL);
    if (unset || equals == p.text.len) {
        a->operation = unset ? SETVAR_UNSET : SETVAR_ONE;
        if (unset && equals < p.text.len)
            return piece_error(&p, NULL, "a variable that is unset takes no value");
        return ok;
    }
    struct piece right = piece_slice(&p, equals + 1, SIZE_MAX);
    uint8_t sign = right.text.len ? right.text.at[0] : 0;
    a->operation = sign == '+' ? SETVAR_ADD : sign == '-' ? SETVAR_SUBTRACT : SETVAR_SET;
    if (a->operation != SETVAR_SET)
        right = piece_slice(&right, 1, SIZE_MAX);
    return template_read(d, &right, &a->value, NULL) && ok;
}

static bool initcol_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    size_t equals = equals_sign(p.text), len;
    struct piece name = piece_slice(&p, 0, equals), key = piece_slice(&p, equals + 1, SIZE_MAX);
    enum variable variable;
    if (!variable_read(&name, &variable, &len))
        return false;
    a->variable = (uint8_t)variable;
    if (variable == VARIABLE_SESSION || variable == VARIABLE_USER)
        return piece_error(&name, NULL, "%s is initialised by `%s`", variable_names[variable], variable == VARIABLE_USER ? "setuid" : "setsid");
    if (variable_shapes[variable] != SHAPE_STORE || variable == VARIABLE_TX)
        return piece_error(&name, NULL, "initcol is for IP, GLOBAL and RESOURCE");
    if (key.text.len == 0)
        return piece_error(&p, NULL, "the key is missing: initcol:COLLECTION=KEY");
    return template_read(d, &key, &a->value, NULL);
}

static bool expirevar_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value), name;
    size_t equals = equals_sign(p.text);
    struct piece left = piece_slice(&p, 0, equals), right = piece_slice(&p, equals + 1, SIZE_MAX);
    if (!store_read(&left, &a->variable, &name))
        return false;
    bool macros, ok = template_read(d, &name, &a->name, NULL);
    if (right.text.len == 0)
        return piece_error(&p, NULL, "the time is missing: expirevar:COLLECTION.NAME=SECONDS");
    struct waf_template seconds;
    if (!template_read(d, &right, &seconds, &macros))
        return false;
    if (macros) {
        a->value = seconds;
        return ok;
    }
    uint64_t n = 0;
    ok = number_read(&right, INT32_MAX, &n) && ok;
    a->number = (int64_t)n;
    return ok;
}

static bool deprecatevar_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value), name;
    size_t equals = equals_sign(p.text);
    struct piece left = piece_slice(&p, 0, equals), right = piece_slice(&p, equals + 1, SIZE_MAX);
    if (!store_read(&left, &a->variable, &name))
        return false;
    bool ok = template_read(d, &name, &a->name, NULL);
    const uint8_t *slash = right.text.len ? memchr(right.text.at, '/', right.text.len) : NULL;
    if (!slash)
        return piece_error(&p, NULL, "expected deprecatevar:COLLECTION.NAME=AMOUNT/SECONDS");
    size_t split = (size_t)(slash - right.text.at);
    struct piece amount = piece_slice(&right, 0, split), period = piece_slice(&right, split + 1, SIZE_MAX);
    uint64_t n = 0, seconds = 0;
    ok = number_read(&amount, INT32_MAX, &n) && ok;
    ok = number_read(&period, INT32_MAX, &seconds) && ok;
    if (ok && seconds == 0)
        return piece_error(&period, NULL, "the time must be more than 0 seconds");
    a->number = (int64_t)n;
    a->period = (int64_t)seconds;
    return ok;
}

static bool setenv_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = *value;
    bool unset = p.text.len && p.text.at[0] == '!';
    if (unset)
        p = piece_slice(&p, 1, SIZE_MAX);
    size_t equals = equals_sign(p.text);
    struct piece name = piece_slice(&p, 0, equals), right = piece_slice(&p, equals + 1, SIZE_MAX);
    if (name.text.len == 0)
        return piece_error(&p, NULL, "expected setenv:NAME=VALUE");
    a->operation = unset ? SETVAR_UNSET : equals < p.text.len ? SETVAR_SET : SETVAR_ONE;
    bool ok = template_read(d, &name, &a->name, NULL);
    return template_read(d, &right, &a->value, NULL) && ok;
}

static bool xmlns_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    size_t equals = equals_sign(p.text);
    struct piece prefix = piece_slice(&p, 0, equals), uri = piece_slice(&p, equals + 1, SIZE_MAX);
    size_t n = uri.text.len;
    if (n > 2 && uri.text.at[0] == '\'' && uri.text.at[n - 1] == '\'')
        uri = piece_slice(&uri, 1, n - 2);
    if (prefix.text.len == 0 || uri.text.len == 0)
        return piece_error(&p, NULL, "expected xmlns:PREFIX=URI");
    if (!bytes_equal(bytes_slice(uri.text, 0, 7), bytes_of_text("http://")))
        return piece_error(&uri, NULL, "the URI of a namespace begins with http:// here");
    a->text = draft_text(d, prefix.text);
    a->text2 = draft_text(d, uri.text);
    return true;
}

static bool sanitise_bytes_read(const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    a->number = a->period = NOTHING;
    if (p.text.len == 0)
        return true;
    const uint8_t *slash = memchr(p.text.at, '/', p.text.len);
    size_t split = slash ? (size_t)(slash - p.text.at) : p.text.len;
    struct piece from = piece_slice(&p, 0, split), to = piece_slice(&p, split + 1, SIZE_MAX);
    uint64_t first, last;
    if (!slash)
        return piece_error(&p, NULL, "expected sanitiseMatchedBytes:FIRST/LAST");
    if (!number_read(&from, UINT16_MAX, &first) || !number_read(&to, UINT16_MAX, &last))
        return false;
    a->number = (int64_t)first;
    a->period = (int64_t)last;
    return true;
}

static bool name_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    if (p.text.len == 0)
        return piece_error(value, NULL, "`%s` needs a name", action_names[a->kind]);
    a->text = draft_text(d, p.text);
    return true;
}

static bool skip_read(const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    uint64_t n;
    if (!number_read(&p, INT32_MAX, &n))
        return false;
    a->number = (int64_t)n;
    return true;
}

bool action_value_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    switch ((enum action_kind)a->kind) {
    case ACTION_SETVAR:
        return setvar_read(d, value, a);
    case ACTION_INITCOL:
        return initcol_read(d, value, a);
    case ACTION_EXPIREVAR:
        return expirevar_read(d, value, a);
    case ACTION_DEPRECATEVAR:
        return deprecatevar_read(d, value, a);
    case ACTION_SETENV:
        return setenv_read(d, value, a);
    case ACTION_SETUID:
    case ACTION_SETSID:
    case ACTION_SETRSC:
        return template_read(d, value, &a->value, NULL);
    case ACTION_SKIP:
        return skip_read(value, a);
    case ACTION_SANITISE_MATCHED_BYTES:
        return sanitise_bytes_read(value, a);
    case ACTION_SKIP_AFTER:
    case ACTION_SANITISE_ARG:
    case ACTION_SANITISE_REQUEST_HEADER:
    case ACTION_SANITISE_RESPONSE_HEADER:
        return name_read(d, value, a);
    case ACTION_XMLNS:
        return xmlns_read(d, value, a);
    case ACTION_CTL:
        return ctl_read(d, value, a);
    default: /* sanitiseMatched: its name says all */
        return true;
    }
}
