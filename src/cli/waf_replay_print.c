/* SPDX-License-Identifier: Apache-2.0 */
/* waf replay: one changed request, for people. */
#include "cli/waf_replay.h"

#include <stdlib.h>

#include "cli/waf_mask.h"
#include "cli/waf_show.h"
#include "waf/language/choices.h"

#define COLUMNS       80
#define MATCHES_SHOWN 3
/* Of a value, so much before what matched is shown. */
#define BEFORE_MATCH 16
#define INDENT       "            "

static const char *const side_names[] = {[OLD] = "old", [NEW] = "new"};

/* As much as fits into the line that began at `line`. */
static void put_rest(struct bytes b, size_t line, struct text *out)
{
    size_t used = out->len - line;
    waf_show_within(b, used + BEFORE_MATCH < COLUMNS ? COLUMNS - used : BEFORE_MATCH, out);
    text_puts(out, "\n");
}

/* ---- the verdict */

static void put_verdict(const struct waf_outcome *o, struct text *out)
{
    text_puts(out, waf_decision_names[o->decision]);
    if (waf_refuses(o->decision))
        text_printf(out, " %d in phase %u", o->status, o->phase);
    if (o->decision == WAF_REDIRECT) {
        text_puts(out, " to ");
        waf_show_within(o->redirect, COLUMNS / 2, out);
    }
}

static void put_head(const struct difference *d, const char *name, bool color, struct text *out)
{
    struct text verdict = text_new(out->ceiling);
    put_verdict(d->sides[OLD].of->outcome, &verdict);
    if (d->verdict) {
        text_puts(&verdict, " -> ");
        put_verdict(d->sides[NEW].of->outcome, &verdict);
    } else
        text_puts(&verdict, ", as before; other rules fire");
    size_t before = out->len;
    waf_show_plain(bytes_of_text(name), out);
    text_puts(out, out->len - before + verdict.len + 2 > COLUMNS ? ":\n  " : ": ");
    const char *code = d->kind == DIFFERENCE_REFUSED ? "1;31" : d->kind == DIFFERENCE_PASSED ? "1;32" : "1";
    if (color)
        text_printf(out, "\x1b[%sm%s\x1b[0m\n", code, text_cstr(&verdict));
    else
        text_printf(out, "%s\n", text_cstr(&verdict));
    out->failed = out->failed || verdict.failed;
    text_free(&verdict);
}

/* ---- what is no rule */

static void put_score(const char *name, int64_t old, int64_t new, int64_t old_threshold, int64_t new_threshold, struct text *out)
{
    if (!old && !new && !old_threshold && !new_threshold)
        return;
    text_printf(out, "  %s score %lld -> %lld", name, (long long)old, (long long)new);
    if (old_threshold != new_threshold)
        text_printf(out, ", threshold %lld -> %lld", (long long)old_threshold, (long long)new_threshold);
    else if (old_threshold)
        text_printf(out, ", threshold %lld", (long long)old_threshold);
    text_puts(out, "\n");
}

static void put_unlogged(const struct difference_side *side, const char *name, struct text *out)
{
    uint32_t by = side->of->outcome->decided_by;
    if (!by) {
        text_printf(out, "  a limit refuses under the %s rules\n", name);
        return;
    }
    const struct waf_rule *rule = &side->set->rules[by - 1];
    text_printf(out, "  rule %lld refuses under the %s rules, and does not log:\n    ", (long long)rule->id, name);
    waf_show_plain(waf_text_bytes(side->set, side->set->files[rule->file]), out);
    text_printf(out, ":%u\n", rule->line);
}

static void put_surroundings(const struct difference *d, struct text *out)
{
    const struct inspected *old = d->sides[OLD].of, *new = d->sides[NEW].of;
    uint8_t before = d->sides[OLD].set->settings.rule_engine, after = d->sides[NEW].set->settings.rule_engine;
    if (before != after)
        text_printf(out, "  SecRuleEngine %s -> %s\n", choice_name(engine_choices, before), choice_name(engine_choices, after));
    put_score("inbound", old->inbound, new->inbound, old->inbound_threshold, new->inbound_threshold, out);
    put_score("outbound", old->outbound, new->outbound, old->outbound_threshold, new->outbound_threshold, out);
    for (int s = 0; s < SIDES; s++)
        for (size_t i = 0; i < d->sides[s].limit_count; i++) {
            text_printf(out, "  not inspected, only under the %s rules:\n", side_names[s]);
            size_t line = out->len;
            text_puts(out, "    ");
            put_rest(bytes_of_text(d->sides[s].limits[i]), line, out);
        }
    for (int s = 0; s < SIDES; s++)
        if (d->verdict && d->sides[s].unlogged)
            put_unlogged(&d->sides[s], side_names[s], out);
    if (d->unexplained)
        text_puts(out, "  the same rules log, written alike: SecDefaultAction or a rule that does not\n"
                       "  log makes the difference\n");
}

/* ---- rules */

static void put_match(const char *label, const struct waf_matched *m, struct text *out)
{
    size_t line = out->len;
    text_puts(out, label);
    waf_show_within(m->variable, COLUMNS / 2, out);
    text_puts(out, ": ");
    if (waf_is_secret(m->variable)) {
        text_printf(out, "(%zu bytes, not shown)\n", m->value.len);
        return;
    }
    uint8_t *copy = waf_masked(m->value, false);
    if (!copy) {
        out->failed = true;
        return;
    }
    size_t from = m->offset > BEFORE_MATCH && m->value.len > COLUMNS / 2 ? m->offset - BEFORE_MATCH : 0;
    text_puts(out, from ? "..." : "");
    put_rest(bytes_slice(bytes_of(copy, m->value.len), from, SIZE_MAX), line, out);
    free(copy);
}

static void put_matches(const char *label, const struct fired *f, struct text *out)
{
    for (size_t i = 0; i < f->own_count && i < MATCHES_SHOWN; i++)
        put_match(label, f->own[i], out);
    if (f->own_count > MATCHES_SHOWN)
        text_printf(out, "%sand %zu more\n", label, f->own_count - MATCHES_SHOWN);
}

static void put_title(const struct fired *f, bool color, struct text *out)
{
    text_printf(out, color ? "    \x1b[1m%6lld\x1b[0m" : "    %6lld", (long long)f->id);
    if (f->message.len) {
        text_puts(out, "  ");
        waf_show_within(f->message, COLUMNS - sizeof INDENT, out);
    }
    text_puts(out, "\n");
}

/* `there`: the side on which it does not fire. */
static void put_standing(const struct fired *f, int there, struct text *out)
{
    if (f->standing == RULE_ABSENT)
        text_printf(out, INDENT "(the %s rules do not have it)\n", side_names[there]);
    else if (f->standing == RULE_REMOVED)
        text_printf(out, INDENT "(a directive of the %s rules removes it)\n", side_names[there]);
    else if (f->standing == RULE_WRITTEN)
        text_printf(out, INDENT "(written otherwise in the %s rules)\n", side_names[there]);
}

static void put_alone(const struct difference *d, int s, bool color, struct text *out)
{
    bool begun = false;
    for (size_t i = 0; i < d->sides[s].count; i++) {
        const struct fired *f = &d->sides[s].fired[i];
        if (f->other)
            continue;
        if (!begun)
            text_printf(out, "  fire only under the %s rules:\n", side_names[s]);
        begun = true;
        put_title(f, color, out);
        put_standing(f, 1 - s, out);
        put_matches(INDENT, f, out);
    }
}

static void put_both(const struct difference *d, bool color, struct text *out)
{
    bool begun = false;
    for (size_t i = 0; i < d->sides[OLD].count; i++) {
        const struct fired *f = &d->sides[OLD].fired[i];
        if (!f->other || (!f->own_count && !f->other->own_count && f->standing == RULE_SAME))
            continue;
        if (!begun)
            text_puts(out, "  fire under both, but not alike:\n");
        begun = true;
        put_title(f, color, out);
        put_standing(f, NEW, out);
        put_matches(INDENT "only old: ", f, out);
        put_matches(INDENT "only new: ", f->other, out);
    }
}

void difference_print(const struct difference *d, const char *name, bool color, struct text *out)
{
    put_head(d, name, color, out);
    put_surroundings(d, out);
    put_alone(d, OLD, color, out);
    put_alone(d, NEW, color, out);
    put_both(d, color, out);
    text_puts(out, "\n");
}
