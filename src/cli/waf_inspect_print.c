/* SPDX-License-Identifier: Apache-2.0 */
/* waf inspect, for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/waf_inspected.h"
#include "cli/waf_locate.h"
#include "cli/waf_mask.h"
#include "cli/waf_show.h"
#include "waf/example/settings.h"
#include "waf/language/print.h"
#include "waf/operator/number.h"

/* Matches of one rule that are shown, and columns of a line of the message. */
#define MATCHES_SHOWN 5
#define WIDTH         96

#define RED   "31"
#define GREEN "32"
#define BOLD  "1"

static void put_colored(const char *code, bool color, const char *text, struct text *out)
{
    if (color)
        text_printf(out, "\x1b[%sm%s\x1b[0m", code, text);
    else
        text_puts(out, text);
}

/* ---- a line with carets */

static size_t columns(uint8_t c)
{
    return c >= ' ' && c < 0x7f ? 1 : 4;
}

static void put_shown(struct bytes b, struct text *out)
{
    for (size_t i = 0; i < b.len; i++)
        if (columns(b.at[i]) == 1)
            text_append(out, &b.at[i], 1);
        else
            text_printf(out, "\\x%02x", b.at[i]);
}

/* The part of a line that is shown: from before `from` on, `WIDTH` columns. */
static struct bytes window(struct bytes line, size_t from, size_t *ret_start)
{
    size_t start = from > WIDTH / 2 && line.len > WIDTH ? from - WIDTH / 2 : 0, end = start, used = 0;
    while (end < line.len && used + columns(line.at[end]) <= WIDTH)
        used += columns(line.at[end++]);
    *ret_start = start;
    return bytes_slice(line, start, end - start);
}

/* `b`, and beneath it carets from `from` to `to`; `indent` stands before both. */
static void put_marked(struct bytes b, size_t from, size_t to, const char *indent, size_t column, bool color, struct text *out)
{
    size_t start;
    struct bytes shown = window(b, from, &start);
    text_puts(out, start ? "..." : "");
    put_shown(shown, out);
    text_puts(out, start + shown.len < b.len ? "...\n" : "\n");
    text_puts(out, indent);
    for (size_t i = 0; i < column + (start ? 3 : 0); i++)
        text_puts(out, " ");
    for (size_t i = 0; i < shown.len && start + i < from; i++)
        for (size_t n = columns(shown.at[i]); n; n--)
            text_puts(out, " ");
    struct text marks = text_new(out->ceiling);
    text_puts(&marks, "^");
    for (size_t i = from - start, n = 0; i < shown.len && start + i < to; i++)
        for (n = columns(shown.at[i]); n; n--)
            if (start + i > from || n > 1)
                text_puts(&marks, "~");
    put_colored("1;" GREEN, color, text_cstr(&marks), out);
    text_puts(out, "\n");
    text_free(&marks);
}

/* Is the line that begins at `at` one of the headers? */
static bool is_in_head(struct bytes message, size_t at)
{
    const uint8_t *crlf = memmem(message.at, message.len, "\n\r\n", 3), *lf = memmem(message.at, message.len, "\n\n", 2);
    const uint8_t *end = !crlf || (lf && lf < crlf) ? lf : crlf;
    return at && (!end || message.at + at <= end);
}

/* The line of the message in which the match stands. */
static void put_line(struct bytes message, const struct located *l, const char *which, bool color, struct text *out)
{
    size_t begin = l->from, end = l->from, number = 1;
    while (begin && message.at[begin - 1] != '\n')
        begin--;
    while (end < message.len && message.at[end] != '\n')
        end++;
    for (size_t i = 0; i < begin; i++)
        number += message.at[i] == '\n';
    if (end > begin && message.at[end - 1] == '\r')
        end--;
    uint8_t *copy = waf_masked(bytes_slice(message, begin, end - begin), is_in_head(message, begin));
    if (!copy) {
        out->failed = true;
        return;
    }
    char label[64];
    int width = snprintf(label, sizeof label, "      %s line %zu | ", which, number);
    text_puts(out, label);
    size_t to = l->to > end ? end : l->to, from = l->from > end ? end : l->from;
    put_marked(bytes_of(copy, end - begin), from - begin, to > from ? to - begin : from - begin, "", (size_t)width, color, out);
    free(copy);
}

/* ---- a match */

/* Is it of the answer? */
static bool is_response(struct bytes variable)
{
    return variable.len > 8 && (memcmp(variable.at, "RESPONSE", 8) == 0 || memcmp(variable.at, "STATUS_L", 8) == 0);
}

static void put_value(const struct waf_matched *m, bool carets, bool color, struct text *out)
{
    uint8_t *copy = waf_masked(m->value, false);
    size_t before = out->len;
    if (!copy) {
        out->failed = true;
        return;
    }
    text_puts(out, "      ");
    waf_show_plain(m->variable, out);
    text_puts(out, ": ");
    struct bytes value = bytes_of(copy, m->value.len);
    size_t column = out->len - before, to = m->offset + m->length;
    if (carets && m->offset + 1 < SHOWN_MAX)
        put_marked(value, m->offset, to < SHOWN_MAX ? to : SHOWN_MAX, "", column, color, out);
    else {
        waf_show_plain(value, out);
        text_puts(out, "\n");
    }
    free(copy);
}

/* Was it counted? A name says so with an ampersand, an event does not. */
static bool is_count(const struct waf_rule_set *set, uint32_t head, struct bytes variable)
{
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next)
        for (uint32_t i = set->rules[r].targets.first; i < set->rules[r].targets.first + set->rules[r].targets.count; i++) {
            struct text name = text_new(1 << 16);
            target_print(set, &set->targets[i], &name);
            bool same = set->targets[i].count && name.len == variable.len + 1 && strncasecmp(name.at + 1, (const char *)variable.at, variable.len) == 0;
            text_free(&name);
            if (same)
                return true;
        }
    return false;
}

static void put_match(const struct rules *r, const struct inspected *i, uint32_t head, const struct waf_matched *m, bool color, struct text *out)
{
    if (is_count(r->set, head, m->variable)) {
        text_puts(out, "      &");
        waf_show_plain(m->variable, out);
        text_puts(out, ": ");
        waf_show_plain(m->value, out);
        text_puts(out, "\n");
        return;
    }
    struct bytes message = is_response(m->variable) ? i->response : i->request;
    struct located l;
    if (waf_is_secret(m->variable)) {
        text_puts(out, "      ");
        waf_show_plain(m->variable, out);
        text_printf(out, ": (%zu bytes, not shown)\n", m->value.len);
        return;
    }
    bool found = waf_locate(message, m->variable, m->value, m->offset, m->length, &l);
    put_value(m, !found && m->value.len, color, out);
    if (found)
        put_line(message, &l, message.at == i->request.at ? "request" : "response", color, out);
}

/* ---- a rule */

/* What it adds to scores: a number, or a variable that the rules set to one. */
static void put_scores(const struct waf_rule_set *set, uint32_t head, struct text *out)
{
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next) {
        struct waf_span actions = set->rules[r].written.actions;
        for (uint32_t k = actions.first; k < actions.first + actions.count; k++) {
            const struct waf_action *a = &set->actions[k];
            struct bytes hold;
            if (a->kind != ACTION_SETVAR || a->operation != SETVAR_ADD || a->value.count != 1 || a->name.count != 1 || set->parts[a->name.first].macro)
                continue;
            const struct waf_part *part = &set->parts[a->value.first];
            struct bytes text = waf_text_bytes(set, part->text), name = waf_text_bytes(set, set->parts[a->name.first].text);
            const struct bytes *value = part->macro ? settings_value(set, NULL, text, &hold) : &text;
            if (value)
                text_printf(out, ", +%lld %.*s", (long long)number_of(*value), (int)name.len, (const char *)name.at);
        }
    }
}

static void put_event(const struct rules *r, const struct inspected *i, const struct waf_event *e, bool color, struct text *out)
{
    const struct waf_rule *rule = &r->set->rules[e->rule];
    struct bytes file = waf_text_bytes(r->set, r->set->files[rule->file]);
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)rule->id);
    text_puts(out, "  ");
    put_colored(BOLD, color, id, out);
    text_puts(out, "  ");
    waf_show_plain(e->msg, out);
    text_printf(out, "\n      (%.*s:%u)", (int)file.len, (const char *)file.at, rule->line);
    if (e->severity >= 0 && e->severity < 8)
        text_printf(out, ", %s", waf_severity_names[e->severity]);
    put_scores(r->set, e->rule, out);
    text_puts(out, "\n");
    for (size_t n = 0; n < e->matched_count && n < MATCHES_SHOWN; n++)
        put_match(r, i, e->rule, &e->matched[n], color, out);
    if (e->matched_count > MATCHES_SHOWN)
        text_printf(out, "      and %zu values more\n", e->matched_count - MATCHES_SHOWN);
}

static bool is_among(const struct waf_outcome *o, uint32_t rule)
{
    for (size_t k = 0; k < o->event_count; k++)
        if (o->events[k].rule == rule)
            return true;
    return false;
}

void waf_inspected_print(const struct rules *r, const struct inspected *i, bool color, struct text *out)
{
    if (i->error) {
        text_printf(out, "deny, 400: %s\n", i->error);
        return;
    }
    const struct waf_outcome *o = i->outcome;
    bool refused = waf_refuses(o->decision);
    put_colored(refused ? "1;" RED : "1;" GREEN, color, waf_decision_names[o->decision], out);
    if (refused)
        text_printf(out, ", %d, in phase %u", o->status, o->phase);
    if (refused && o->decided_by && !is_among(o, o->decided_by - 1))
        text_printf(out, ", by rule %lld, which does not log", (long long)r->set->rules[o->decided_by - 1].id);
    text_printf(out, "; anomaly score %lld inbound, %lld outbound; %zu rule%s fired\n", (long long)i->inbound, (long long)i->outbound, o->event_count,
        o->event_count == 1 ? "" : "s");
    for (size_t k = 0; k < o->event_count; k++)
        put_event(r, i, &o->events[k], color, out);
    for (size_t k = 0; k < o->limit_count; k++)
        text_printf(out, "  not inspected: %s\n", o->limits[k]);
}
