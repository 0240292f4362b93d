/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/directives.h"

static void put_text(const struct waf_rule_set *set, struct waf_text t, struct text *out)
{
    struct bytes b = waf_text_bytes(set, t);
    if (b.len)
        text_append(out, b.at, b.len);
}

/* A value that ModSecurity's parser reads without quotes, and some only so. */
static bool is_plain(struct bytes v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!byte_is_alnum(v.at[i]) && !memchr("/._-*:+", v.at[i], 7))
            return false;
    return v.len > 0;
}

static void setting_text_print(const struct waf_rule_set *set, const char *name, struct waf_text t, struct text *out)
{
    bool plain = is_plain(waf_text_bytes(set, t));
    text_printf(out, plain ? "%s " : "%s \"", name);
    put_text(set, t, out);
    text_puts(out, plain ? "" : "\"");
}

static void special_print(const struct waf_rule_set *set, const struct directive *d, struct text *out)
{
    const struct waf_settings *s = &set->settings;
    switch ((enum directive_special)d->special) {
    case SPECIAL_AUDIT_PARTS:
        setting_text_print(set, d->name, s->audit_parts, out);
        text_puts(out, "\n");
        break;
    case SPECIAL_GEO_DB:
        setting_text_print(set, d->name, s->geo_db, out);
        text_puts(out, "\n");
        break;
    case SPECIAL_SEPARATOR:
        text_printf(out, "%s \"%c\"\n", d->name, s->argument_separator);
        break;
    case SPECIAL_UNICODE_MAP:
        setting_text_print(set, d->name, s->unicode_map_path, out);
        text_printf(out, " %llu\n", (unsigned long long)s->unicode_code_page);
        break;
    case SPECIAL_MIME_TYPES_CLEAR:
        text_printf(out, "%s\n", d->name);
        break;
    case SPECIAL_MIME_TYPES:
        for (uint32_t i = 0; i < set->response_mime_type_count; i++) {
            setting_text_print(set, d->name, set->response_mime_types[i], out);
            text_puts(out, "\n");
        }
        break;
    case SPECIAL_COMPONENTS:
        for (uint32_t i = 0; i < set->component_count; i++) {
            text_printf(out, "%s \"", d->name);
            put_text(set, set->components[i], out);
            text_puts(out, "\"\n");
        }
        break;
    case SPECIAL_NONE:
        break;
    }
}

void setting_print(const struct waf_rule_set *set, const struct directive *d, struct text *out)
{
    const uint8_t *at = (const uint8_t *)&set->settings + d->offset;
    uint64_t number;
    struct waf_text t;
    switch ((enum directive_kind)d->kind) {
    case DIRECTIVE_CHOICE:
        text_printf(out, "%s %s\n", d->name, choice_name(d->choices, *at));
        break;
    case DIRECTIVE_NUMBER:
    case DIRECTIVE_OCTAL:
        memcpy(&number, at, sizeof number);
        text_printf(out, d->kind == DIRECTIVE_OCTAL ? "%s 0%llo\n" : "%s %llu\n", d->name, (unsigned long long)number);
        break;
    case DIRECTIVE_TEXT:
        memcpy(&t, at, sizeof t);
        setting_text_print(set, d->name, t, out);
        text_puts(out, "\n");
        break;
    default:
        special_print(set, d, out);
        break;
    }
}
