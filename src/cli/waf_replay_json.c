/* SPDX-License-Identifier: Apache-2.0 */
/* waf replay: one changed request, as a line of JSON. */
#include "cli/waf_replay.h"

#include "cli/waf_show.h"
#include "cli/waf_tally.h"

static const char *const side_names[] = {[OLD] = "old", [NEW] = "new"};
static const char *const standing_names[] = {[RULE_SAME] = "same", [RULE_WRITTEN] = "written-otherwise", [RULE_REMOVED] = "removed",
    [RULE_ABSENT] = "absent"};

static void put_side(const struct difference_side *side, const char *name, struct text *out)
{
    const struct waf_outcome *o = side->of->outcome;
    text_printf(out, ", \"%s\": {\"decision\": \"%s\"", name, waf_decision_names[o->decision]);
    if (waf_refuses(o->decision))
        text_printf(out, ", \"status\": %d, \"phase\": %u", o->status, o->phase);
    if (o->decided_by) {
        const struct waf_rule *rule = &side->set->rules[o->decided_by - 1];
        text_printf(out, ", \"rule\": {\"id\": %lld, \"file\": ", (long long)rule->id);
        waf_show_json(waf_text_bytes(side->set, side->set->files[rule->file]), SIZE_MAX, out);
        text_printf(out, ", \"line\": %u}", rule->line);
    }
    if (o->decision == WAF_REDIRECT) {
        text_puts(out, ", \"redirect\": ");
        waf_show_json(o->redirect, SIZE_MAX, out);
    }
    text_printf(out, ", \"score\": {\"inbound\": %lld, \"outbound\": %lld}", (long long)side->of->inbound, (long long)side->of->outbound);
    text_printf(out, ", \"threshold\": {\"inbound\": %lld, \"outbound\": %lld}, \"limits\": [", (long long)side->of->inbound_threshold,
        (long long)side->of->outbound_threshold);
    for (size_t i = 0; i < o->limit_count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, o->limits[i]);
    }
    text_puts(out, "]}");
}

static void put_own(const struct fired *f, const char *name, struct text *out)
{
    text_printf(out, ", \"%s\": [", name);
    for (size_t i = 0; i < f->own_count; i++) {
        text_puts(out, i ? ", " : "");
        waf_matched_json(f->own[i], out);
    }
    text_puts(out, "]");
}

/* How it stands in the other rules, or for one that fires under both in the new ones. */
static void put_title(const struct fired *f, struct text *out)
{
    text_printf(out, "{\"id\": %lld, \"msg\": ", (long long)f->id);
    waf_show_json(f->message, SIZE_MAX, out);
    text_printf(out, ", \"there\": \"%s\"", standing_names[f->standing]);
}

static void put_alone(const struct difference *d, int s, struct text *out)
{
    const char *comma = "";
    text_printf(out, ", \"only_%s\": [", side_names[s]);
    for (size_t i = 0; i < d->sides[s].count; i++) {
        const struct fired *f = &d->sides[s].fired[i];
        if (f->other)
            continue;
        text_puts(out, comma);
        comma = ", ";
        put_title(f, out);
        put_own(f, "matched", out);
        text_puts(out, "}");
    }
    text_puts(out, "]");
}

static void put_both(const struct difference *d, struct text *out)
{
    const char *comma = "";
    text_puts(out, ", \"both\": [");
    for (size_t i = 0; i < d->sides[OLD].count; i++) {
        const struct fired *f = &d->sides[OLD].fired[i];
        if (!f->other || (!f->own_count && !f->other->own_count && f->standing == RULE_SAME))
            continue;
        text_puts(out, comma);
        comma = ", ";
        put_title(f, out);
        put_own(f, "only_old", out);
        put_own(f->other, "only_new", out);
        text_puts(out, "}");
    }
    text_puts(out, "]");
}

void difference_json(const struct difference *d, const char *name, struct text *out)
{
    text_puts(out, "{\"file\": ");
    text_json(out, name);
    text_printf(out, ", \"change\": \"%s\"", difference_names[d->kind]);
    for (int s = 0; s < SIDES; s++)
        put_side(&d->sides[s], side_names[s], out);
    for (int s = 0; s < SIDES; s++)
        put_alone(d, s, out);
    put_both(d, out);
    text_puts(out, "}\n");
}
