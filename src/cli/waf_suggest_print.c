/* SPDX-License-Identifier: Apache-2.0 */
/* What waf inspect --suggest found, for people and as JSON. */
#include "cli/waf_suggest.h"

#include "cli/waf_show.h"

#define IDS_SHOWN 8

static void put_bytes(struct bytes b, struct text *out)
{
    waf_show_plain(b, out);
}

static void put_ids(const int64_t *ids, size_t count, struct text *out)
{
    for (size_t i = 0; i < count && i < IDS_SHOWN; i++)
        text_printf(out, "%s%lld", i ? ", " : "", (long long)ids[i]);
    if (count > IDS_SHOWN)
        text_printf(out, " and %zu more", count - IDS_SHOWN);
}

static void put_where(const struct suggestion *s, struct text *out)
{
    text_puts(out, "      fired on ");
    for (size_t i = 0; i < s->looked_count; i++) {
        text_puts(out, i ? ", " : "");
        put_bytes(s->looked[i], out);
    }
    text_puts(out, s->looked_count ? "\n" : "what has no name of its own\n");
}

static void put_directives(const struct suggestion *s, struct bytes path, struct text *out)
{
    if (s->whole)
        text_puts(out, "      no part of what it looks at can be taken out alone: the whole rule goes\n");
    else if (s->blind)
        text_puts(out, "      that is all that it looks at first: without it the rule never fires\n");
    if (s->narrow) {
        text_puts(out, "      for ");
        put_bytes(path, out);
        text_printf(out, " alone, put before the rules:\n        %s\n", s->narrow);
    }
    if (s->wide)
        text_printf(out, "      %s, put behind the rules:\n        %s\n", s->narrow ? "or for all paths" : "for all paths", s->wide);
    text_puts(out, "      tried: it silences this rule, and all others that fired fire still\n");
    if (!s->then_count)
        return;
    text_puts(out, "      the rule had kept others from running; now fire too: ");
    put_ids(s->then, s->then_count, out);
    text_puts(out, "\n");
}

static void put_protection(const struct protection *p, bool narrow, struct text *out)
{
    text_puts(out, "      what that opens: ");
    put_bytes(p->variable, out);
    text_puts(out, narrow ? " there: " : ": ");
    if (!p->count) {
        text_puts(out, "nothing of ");
        put_bytes(p->class, out);
        text_puts(out, " is looked for any more");
    } else {
        text_printf(out, "%zu rule%s, besides those that fired here, still look%s for ", p->count, p->count == 1 ? "" : "s", p->count == 1 ? "s" : "");
        put_bytes(p->class, out);
        text_puts(out, ": ");
        put_ids(p->ids, p->count, out);
    }
    if (p->higher)
        text_printf(out, "; at a higher level %zu more would", p->higher);
    text_puts(out, "\n");
}

static void put_suggestion(const struct suggestion *s, struct bytes path, bool color, struct text *out)
{
    text_printf(out, color ? "  \x1b[1m%lld\x1b[0m  " : "  %lld  ", (long long)s->id);
    put_bytes(s->message, out);
    text_puts(out, "\n");
    if (s->sum) {
        text_puts(out, "      is a sum of what other rules found: silence those; it follows\n");
        return;
    }
    put_where(s, out);
    if (!s->narrow && !s->wide) {
        text_puts(out, "      no exclusion was found that silences it and no other rule\n");
        return;
    }
    put_directives(s, path, out);
    for (size_t i = 0; i < s->protection_count; i++)
        put_protection(&s->protections[i], s->narrow != NULL, out);
    if (!s->protection_count)
        text_puts(out, "      what that opens cannot be said: the rule has no tag attack-..., or looks at no part of the message\n");
}

void waf_suggestions_print(const struct suggestions *all, bool color, struct text *out)
{
    if (!all->count) {
        text_puts(out, "no rule fires on this request: there is nothing to silence\n");
        return;
    }
    text_printf(out, "%zu rule%s fired; only if this is a false alarm:\n", all->count, all->count == 1 ? "" : "s");
    for (size_t i = 0; i < all->count; i++)
        put_suggestion(&all->items[i], all->path, color, out);
    if (!all->all_tried)
        return;
    text_printf(out, "with all that are for this path together: %s", waf_decision_names[all->with_all]);
    text_puts(out, all->left_count ? "; still fire: " : ", and no rule fires");
    put_ids(all->left, all->left_count, out);
    text_puts(out, "\n");
}

/* ---- JSON */

static void json_text(const char *name, const char *value, struct text *out)
{
    text_printf(out, ", \"%s\": ", name);
    if (value)
        text_json(out, value);
    else
        text_puts(out, "null");
}

static void json_ids(const char *name, const int64_t *ids, size_t count, struct text *out)
{
    text_printf(out, ", \"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s%lld", i ? ", " : "", (long long)ids[i]);
    text_puts(out, "]");
}

static void json_protection(const struct protection *p, struct text *out)
{
    text_puts(out, "{\"variable\": ");
    waf_show_json(p->variable, SHOWN_MAX, out);
    text_puts(out, ", \"class\": ");
    waf_show_json(p->class, SHOWN_MAX, out);
    json_ids("rules", p->ids, p->count, out);
    text_printf(out, ", \"at_higher_levels\": %zu}", p->higher);
}

static void json_suggestion(const struct suggestion *s, struct text *out)
{
    text_puts(out, "{\"msg\": ");
    waf_show_json(s->message, SIZE_MAX, out);
    text_printf(out, ", \"id\": %lld, \"sum\": %s, \"variables\": [", (long long)s->id, s->sum ? "true" : "false");
    for (size_t i = 0; i < s->looked_count; i++) {
        text_puts(out, i ? ", " : "");
        waf_show_json(s->looked[i], SHOWN_MAX, out);
    }
    text_printf(out, "], \"whole\": %s", s->whole || s->blind ? "true" : "false");
    json_text("for_path", s->narrow, out);
    json_text("for_all", s->wide, out);
    json_ids("then_fire", s->then, s->then_count, out);
    text_puts(out, ", \"still\": [");
    for (size_t i = 0; i < s->protection_count; i++) {
        text_puts(out, i ? ", " : "");
        json_protection(&s->protections[i], out);
    }
    text_puts(out, "]}");
}

void waf_suggestions_json(const struct suggestions *all, struct text *out)
{
    text_puts(out, "{\"path\": ");
    waf_show_json(all->path, SIZE_MAX, out);
    text_puts(out, ", \"suggestions\": [");
    for (size_t i = 0; i < all->count; i++) {
        text_puts(out, i ? ", " : "");
        json_suggestion(&all->items[i], out);
    }
    text_puts(out, "]");
    json_text("with_all", all->all_tried ? waf_decision_names[all->with_all] : NULL, out);
    json_ids("left", all->left, all->left_count, out);
    text_puts(out, "}\n");
}
