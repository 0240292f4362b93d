/* SPDX-License-Identifier: Apache-2.0 */
/* What waf explain found out, for people and as JSON. */
#include "cli/waf_explain.h"

#include "cli/waf_show.h"

#define WIDTH 78
#define BOLD  "\x1b[1m"
#define PLAIN "\x1b[0m"

static void put_title(const char *title, bool color, struct text *out)
{
    text_printf(out, color ? BOLD "%s" PLAIN "\n" : "%s\n", title);
}

/* One byte as a terminal may have it. */
static void put_byte(uint8_t c, struct text *out)
{
    if (c >= ' ' && c < 0x7f)
        text_append(out, &c, 1);
    else
        text_printf(out, "\\x%02x", c);
}

/* Words from column `from` on, broken at blanks. */
static void put_words(const char *words, size_t from, struct text *out)
{
    size_t column = from;
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, " ");
        if (column > from && column + 1 + len > WIDTH) {
            text_printf(out, "\n%*s", (int)from, "");
            column = from;
        } else if (at != words) {
            text_puts(out, " ");
            column++;
        }
        for (size_t i = 0; i < len; i++)
            put_byte((uint8_t)at[i], out);
        column += len;
        at += len + (at[len] == ' ');
    }
    text_puts(out, "\n");
}

static void put_lines(const char *title, const struct explained_lines *l, bool color, struct text *out)
{
    if (!l->count)
        return;
    put_title(title, color, out);
    for (size_t i = 0; i < l->count; i++) {
        text_puts(out, "  ");
        put_words(l->items[i], 2, out);
    }
}

static void put_pairs(const struct explained_pairs *p, bool numbered, struct text *out)
{
    size_t widest = 0;
    for (size_t i = 0; i < p->count; i++)
        if (strlen(p->items[i].name) > widest && strlen(p->items[i].name) <= 28)
            widest = strlen(p->items[i].name);
    for (size_t i = 0; i < p->count; i++) {
        if (numbered)
            text_printf(out, "  %zu. %-*s  ", i + 1, (int)widest, p->items[i].name);
        else
            text_printf(out, "  %-*s  ", (int)widest, p->items[i].name);
        put_words(p->items[i].meaning, widest + (numbered ? 7 : 4), out);
    }
}

/* An expression has no words: it is broken where the line ends. */
static void put_expression(const char *text, struct text *out)
{
    size_t column = 0;
    text_puts(out, "  ");
    for (const char *at = text; *at; at++) {
        if (column == WIDTH - 2) {
            text_puts(out, "\n  ");
            column = 0;
        }
        put_byte((uint8_t)*at, out);
        column++;
    }
    text_puts(out, "\n");
}

static void put_phrases(const struct explained_link *l, struct text *out)
{
    struct text all = text_new(out->ceiling);
    for (size_t i = 0; i < l->phrases.count; i++)
        text_printf(&all, "%s`%s`", i ? ", " : "", l->phrases.items[i]);
    if (l->phrase_count > l->phrases.count)
        text_printf(&all, ", and %zu more", l->phrase_count - l->phrases.count);
    text_puts(out, "  ");
    put_words(text_cstr(&all), 2, out);
    out->failed = out->failed || all.failed;
    text_free(&all);
}

static void put_link(const struct explained_link *l, bool color, struct text *out)
{
    if (!l->finds) {
        put_title("fires always", color, out);
        return;
    }
    put_title("looks at", color, out);
    put_pairs(&l->where, false, out);
    if (l->after.count) {
        put_title("after these transformations, in order", color, out);
        put_pairs(&l->after, true, out);
    }
    text_puts(out, color ? BOLD "and fires when it " : "and fires when it ");
    text_printf(out, color ? "%s" PLAIN "\n" : "%s\n", l->finds);
    if (l->phrase_count && l->against)
        text_printf(out, "  %s, which has %zu:\n", l->against, l->phrase_count);
    if (l->phrase_count)
        put_phrases(l, out);
    else if (l->against)
        put_expression(l->against, out);
    if (l->comes_to) {
        text_puts(out, "which is, as these rules set it\n");
        put_expression(l->comes_to, out);
    }
}

static void put_message(struct bytes raw, struct text *out)
{
    bool begins = true;
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.at[i];
        if (begins)
            text_puts(out, "  | ");
        begins = false;
        if (c == '\r' && i + 1 < raw.len && raw.at[i + 1] == '\n')
            continue;
        if (c == '\n') {
            text_puts(out, "\n");
            begins = true;
        } else
            put_byte(c, out);
    }
    text_puts(out, begins ? "" : "\n");
}

void waf_settings_print(const struct settings *s, struct text *out)
{
    for (size_t i = 0; i < s->count; i++) {
        text_printf(out, "%ssetvar:'tx.", i ? "," : "");
        text_append(out, s->items[i].name.at, s->items[i].name.len);
        text_puts(out, "=");
        if (s->items[i].value.len)
            text_append(out, s->items[i].value.at, s->items[i].value.len);
        text_puts(out, "'");
    }
}

static void put_example(const struct explained *e, bool color, struct text *out)
{
    const struct example *x = &e->example;
    if (!x->found) {
        put_title("no example was found", color, out);
        text_puts(out, "  ");
        put_words(x->why_not, 2, out);
        return;
    }
    put_title("an example, which the engine was run on and which fires it", color, out);
    if (e->settings.count) {
        text_puts(out, "  with the rules set to: ");
        waf_settings_print(&e->settings, out);
        text_puts(out, "\n");
    }
    if (!bytes_equal(x->client, waf_options_now().client)) {
        text_puts(out, "  sent from ");
        waf_show_plain(x->client, out);
        text_puts(out, "\n");
    }
    put_message(x->request, out);
    if (x->response.len) {
        text_puts(out, "  and answered with\n");
        put_message(x->response, out);
    }
    text_puts(out, "  it fires");
    if (x->variable.len) {
        text_puts(out, " on ");
        waf_show_plain(x->variable, out);
    }
    text_printf(out, "; all rules together decide: %s", waf_decision_names[x->decision]);
    if (x->decision != WAF_PASS && x->decision != WAF_ALLOW)
        text_printf(out, ", %d", x->status);
    text_puts(out, "\n");
    if (x->also_count) {
        struct text all = text_new(out->ceiling);
        text_puts(&all, "also fired:");
        for (size_t i = 0; i < x->also_count; i++)
            text_printf(&all, " %lld", (long long)x->also[i]);
        text_puts(out, "  ");
        put_words(text_cstr(&all), 2, out);
        text_free(&all);
    }
}

void waf_explain_print(const struct explained *e, bool color, struct text *out)
{
    const struct explanation *r = &e->rule;
    text_printf(out, color ? BOLD "%lld" PLAIN "  " : "%lld  ", (long long)r->id);
    put_words(r->message ? r->message : "(it has no message)", 8, out);
    text_printf(out, "(%s:%u)\n", r->file, r->line);
    text_printf(out, "runs %s\n", r->phase);
    if (r->removed)
        text_puts(out, "but never: it is removed, see below\n");
    for (size_t i = 0; i < r->link_count; i++) {
        text_puts(out, "\n");
        if (i)
            text_printf(out, "and then, in the same request (line %u):\n", r->links[i].line);
        put_link(&r->links[i], color, out);
    }
    text_puts(out, "\n");
    put_lines("when it fires, it", &r->effects, color, out);
    put_lines("it runs only when", &r->gates, color, out);
    put_lines("changed by", &r->changes, color, out);
    text_puts(out, "\n");
    put_example(e, color, out);
}

/* ---- JSON */

static void json_text(const char *name, const char *value, struct text *out)
{
    text_printf(out, "\"%s\": ", name);
    if (value)
        text_json(out, value);
    else
        text_puts(out, "null");
}

static void json_lines(const char *name, const struct explained_lines *l, struct text *out)
{
    text_printf(out, "\"%s\": [", name);
    for (size_t i = 0; i < l->count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, l->items[i]);
    }
    text_puts(out, "]");
}

static void json_pairs(const char *name, const struct explained_pairs *p, struct text *out)
{
    text_printf(out, "\"%s\": [", name);
    for (size_t i = 0; i < p->count; i++) {
        text_puts(out, i ? ", {" : "{");
        json_text("name", p->items[i].name, out);
        text_puts(out, ", ");
        json_text("means", p->items[i].meaning, out);
        text_puts(out, "}");
    }
    text_puts(out, "]");
}

static void json_link(const struct explained_link *l, struct text *out)
{
    text_puts(out, "{");
    json_text("file", l->file, out);
    text_printf(out, ", \"line\": %u, ", l->line);
    json_pairs("targets", &l->where, out);
    text_puts(out, ", ");
    json_pairs("transformations", &l->after, out);
    text_puts(out, ", ");
    json_text("finds", l->finds, out);
    text_puts(out, ", ");
    json_text("against", l->against, out);
    text_puts(out, ", ");
    json_text("against_as_set", l->comes_to, out);
    text_printf(out, ", \"phrases\": %zu, ", l->phrase_count);
    json_lines("first_phrases", &l->phrases, out);
    text_puts(out, "}");
}

static void json_bytes(const char *name, struct bytes b, struct text *out)
{
    text_printf(out, ", \"%s\": ", name);
    waf_show_json(b, SIZE_MAX, out);
}

static void json_example(const struct explained *e, struct text *out)
{
    const struct example *x = &e->example;
    struct text settings = text_new(out->ceiling);
    if (!x->found) {
        text_puts(out, "\"example\": null, ");
        json_text("why_no_example", x->why_not, out);
        return;
    }
    waf_settings_print(&e->settings, &settings);
    text_puts(out, "\"example\": {");
    json_text("needs", settings.len ? text_cstr(&settings) : NULL, out);
    json_bytes("client", x->client, out);
    json_bytes("request", x->request, out);
    if (x->response.len)
        json_bytes("response", x->response, out);
    json_bytes("variable", x->variable, out);
    text_printf(out, ", \"decision\": \"%s\", \"also\": [", waf_decision_names[x->decision]);
    for (size_t i = 0; i < x->also_count; i++)
        text_printf(out, "%s%lld", i ? ", " : "", (long long)x->also[i]);
    text_puts(out, "]}");
    text_free(&settings);
}

void waf_explain_json(const struct explained *e, struct text *out)
{
    const struct explanation *r = &e->rule;
    text_printf(out, "{\"id\": %lld, ", (long long)r->id);
    json_text("msg", r->message, out);
    text_printf(out, ", \"phase\": %u, ", r->phase_number);
    json_text("file", r->file, out);
    text_printf(out, ", \"line\": %u, \"removed\": %s, \"chain\": [", r->line, r->removed ? "true" : "false");
    for (size_t i = 0; i < r->link_count; i++) {
        text_puts(out, i ? ", " : "");
        json_link(&r->links[i], out);
    }
    text_puts(out, "], ");
    json_lines("effects", &r->effects, out);
    text_puts(out, ", ");
    json_lines("only_when", &r->gates, out);
    text_puts(out, ", ");
    json_lines("changed_by", &r->changes, out);
    text_puts(out, ", ");
    json_example(e, out);
    text_puts(out, "}\n");
}
