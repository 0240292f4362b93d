/* SPDX-License-Identifier: Apache-2.0 */
/* Directives that take a rule's target, or the rule, away. */
#include "cli/waf_suggest.h"

#include "cli/output.h"
#include "waf/http/message.h"

/* A quote, a backslash, a comma or a macro would end or change what a directive says. */
static bool can_be_written(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i] <= ' ' || b.at[i] >= 0x7f || strchr("\"'\\,|;!&", b.at[i]) || (b.at[i] == '%' && i + 1 < b.len && b.at[i + 1] == '{'))
            return false;
    return b.len != 0;
}

bool exclusion_path(struct bytes request, struct arena *a, struct bytes *ret)
{
    struct http_message m;
    const char *error;
    *ret = (struct bytes){0};
    if (!http_request_read(request, a, &m, &error))
        return true;
    uint8_t *path = arena_alloc(a, m.target.len + 1);
    size_t len = 0;
    if (!path)
        return false;
    for (size_t i = 0; i < m.target.len && m.target.at[i] != '#'; i++) {
        int high = m.target.at[i] == '%' && i + 2 < m.target.len ? hex_value(m.target.at[i + 1]) : -1, low = high >= 0 ? hex_value(m.target.at[i + 2]) : -1;
        path[len] = low >= 0 ? (uint8_t)(high << 4 | low) : m.target.at[i];
        if (path[len] == '?')
            break;
        len++;
        i += low >= 0 ? 2 : 0;
    }
    *ret = bytes_of(path, len);
    return true;
}

/* A name in slashes would be an expression, and stand for more than itself. XML alone has paths. */
static bool is_expression(struct bytes variable)
{
    const uint8_t *colon = memchr(variable.at, ':', variable.len);
    return colon && colon + 1 < variable.at + variable.len && (colon[1] == '/' || colon[1] == '\'') && memcmp(variable.at, "XML", 3) != 0;
}

static bool all_can_be_written(const struct suggestion *s)
{
    for (size_t i = 0; i < s->variable_count; i++)
        if (!can_be_written(s->variables[i]) || is_expression(s->variables[i]))
            return false;
    return s->variable_count || s->whole;
}

static bool keep(struct text *t, struct arena *a, const char **ret)
{
    *ret = t->failed ? NULL : arena_text(a, text_cstr(t), t->len);
    text_free(t);
    return *ret != NULL;
}

bool exclusion_narrow(const struct suggestion *s, struct bytes path, int64_t id, struct arena *a, const char **ret)
{
    struct text t = text_new(ANSWER_MAX);
    *ret = NULL;
    if (!can_be_written(path) || (!s->whole && !all_can_be_written(s)))
        return true;
    text_printf(&t, "SecRule REQUEST_FILENAME \"@streq %.*s\" \"id:%lld,phase:1,pass,nolog", (int)path.len, (const char *)path.at, (long long)id);
    if (s->whole)
        text_printf(&t, ",ctl:ruleRemoveById=%lld", (long long)s->id);
    for (size_t i = 0; i < s->variable_count && !s->whole; i++)
        text_printf(&t, ",ctl:ruleRemoveTargetById=%lld;%.*s", (long long)s->id, (int)s->variables[i].len, (const char *)s->variables[i].at);
    text_puts(&t, "\"");
    return keep(&t, a, ret);
}

bool exclusion_wide(const struct suggestion *s, struct arena *a, const char **ret)
{
    struct text t = text_new(ANSWER_MAX);
    *ret = NULL;
    if (!s->whole && !all_can_be_written(s))
        return true;
    if (s->whole) {
        text_printf(&t, "SecRuleRemoveById %lld", (long long)s->id);
        return keep(&t, a, ret);
    }
    text_printf(&t, "SecRuleUpdateTargetById %lld \"", (long long)s->id);
    for (size_t i = 0; i < s->variable_count; i++)
        text_printf(&t, "%s!%.*s", i ? "|" : "", (int)s->variables[i].len, (const char *)s->variables[i].at);
    text_puts(&t, "\"");
    return keep(&t, a, ret);
}
