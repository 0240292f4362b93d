/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule does when it fires. */
#include "waf/explain/parts.h"

#include "waf/example/settings.h"
#include "waf/language/choices.h"
#include "waf/language/print.h"

/* A text with macros, and what it comes to when all of it is one variable that the rules set once. */
static void put_value(const struct waf_rule_set *set, struct waf_template t, struct text *out)
{
    struct bytes hold;
    template_print(set, t, out);
    if (t.count != 1 || !set->parts[t.first].macro || set->parts[t.first].variable != VARIABLE_TX)
        return;
    struct bytes name = waf_text_bytes(set, set->parts[t.first].text);
    const struct bytes *value = settings_is_fixed(set, name) ? settings_value(set, NULL, name, &hold) : NULL;
    if (value && value->len)
        text_printf(out, " (%.*s)", (int)value->len, (const char *)value->at);
}

static void put_setvar(const struct waf_rule_set *set, const struct waf_action *a, struct text *out)
{
    static const char *const begins[] = {[SETVAR_SET] = "sets ", [SETVAR_ADD] = "adds ", [SETVAR_SUBTRACT] = "takes ", [SETVAR_ONE] = "sets ",
        [SETVAR_UNSET] = "removes "};
    text_puts(out, begins[a->operation]);
    if (a->operation == SETVAR_ADD || a->operation == SETVAR_SUBTRACT) {
        put_value(set, a->value, out);
        text_puts(out, a->operation == SETVAR_ADD ? " to " : " from ");
    }
    text_printf(out, "%s:", variable_names[a->variable]);
    template_print(set, a->name, out);
    if (a->operation == SETVAR_ONE)
        text_puts(out, " to 1");
    if (a->operation == SETVAR_SET) {
        text_puts(out, " to ");
        put_value(set, a->value, out);
    }
}

static bool explain_actions(const struct waf_rule_set *set, struct waf_span actions, struct arena *a, struct explained_lines *ret)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *action = &set->actions[i];
        struct text line = text_new(EXPLAINED_MAX);
        if (action->kind == ACTION_SETVAR)
            put_setvar(set, action, &line);
        else if (action->kind == ACTION_SKIP_AFTER) {
            text_puts(&line, "passes over all rules up to the marker ");
            explained_put(set, action->text, &line);
        } else {
            text_puts(&line, "does ");
            action_print(set, action, &line);
        }
        if (!explained_line(ret, &line, a))
            return false;
    }
    return true;
}

static const char *disruptive_words(uint8_t disruptive)
{
    static const char *const words[] = {[DISRUPTIVE_UNSET] = "goes on", [DISRUPTIVE_PASS] = "goes on", [DISRUPTIVE_DENY] = "refuses",
        [DISRUPTIVE_DROP] = "drops the connection", [DISRUPTIVE_REDIRECT] = "redirects", [DISRUPTIVE_ALLOW] = "lets the transaction by: no further rule is asked",
        [DISRUPTIVE_ALLOW_PHASE] = "passes over the rest of this phase", [DISRUPTIVE_ALLOW_REQUEST] = "passes over the rest of phases 1 and 2"};
    return words[disruptive];
}

static void put_disruptive(const struct waf_rule_set *set, const struct waf_effects *e, struct text *out)
{
    text_puts(out, disruptive_words(e->disruptive));
    if (e->status && (e->disruptive == DISRUPTIVE_DENY || e->disruptive == DISRUPTIVE_REDIRECT || e->disruptive == DISRUPTIVE_DROP))
        text_printf(out, " with status %d", e->status);
    if (e->disruptive == DISRUPTIVE_REDIRECT) {
        text_puts(out, " to ");
        template_print(set, e->redirect, out);
    }
}

static bool explain_disruptive(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_lines *ret)
{
    const struct waf_effects *e = &r->written;
    struct text line = text_new(EXPLAINED_MAX);
    if (r->updates.count) /* those of SecRuleUpdateActionById are among what changes it */
        text_puts(&line, "its own decision does not count: an update of its actions does");
    else if (e->block) {
        text_printf(&line, "blocks: as SecDefaultAction of phase %u says, it ", r->phase);
        put_disruptive(set, &set->defaults[r->phase].effects, &line);
    } else
        put_disruptive(set, e, &line);
    if (set->settings.rule_engine == SWITCH_DETECTION_ONLY && (e->block || e->disruptive > DISRUPTIVE_PASS))
        text_puts(&line, "; but SecRuleEngine is DetectionOnly: nothing is refused");
    return explained_line(ret, &line, a);
}

static bool explain_record(const struct waf_rule_set *set, const struct waf_rule *r, struct arena *a, struct explained_lines *ret)
{
    const struct waf_effects *e = &r->written;
    struct text line = text_new(EXPLAINED_MAX);
    uint8_t log = e->log != UNSET ? e->log : set->defaults[r->phase].effects.log;
    text_puts(&line, log == NO ? "is not logged" : "is logged");
    if (e->severity >= 0)
        text_printf(&line, ", severity %s", choice_name(severity_choices, (uint8_t)e->severity));
    if (e->has_logdata) {
        text_puts(&line, ", with: ");
        template_print(set, e->logdata, &line);
    }
    return explained_line(ret, &line, a);
}

static bool explain_tags(const struct waf_rule_set *set, const struct waf_effects *e, struct arena *a, struct explained_lines *ret)
{
    struct text line = text_new(EXPLAINED_MAX);
    if (!e->tags.count)
        return true;
    text_puts(&line, "tags: ");
    for (uint32_t i = 0; i < e->tags.count; i++) {
        text_puts(&line, i ? ", " : "");
        template_print(set, set->templates[e->tags.first + i], &line);
    }
    return explained_line(ret, &line, a);
}

static bool explain_capture(const struct waf_rule *r, struct arena *a, struct explained_lines *ret)
{
    struct text line = text_new(EXPLAINED_MAX);
    if (!r->written.capture)
        return true;
    text_puts(&line, "keeps what matched, and its groups, as TX:0, TX:1 and so on");
    return explained_line(ret, &line, a);
}

bool explain_effects(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret)
{
    const struct waf_rule *h = &set->rules[head];
    if (!explain_disruptive(set, h, a, ret))
        return false;
    for (uint32_t r = head; r != NOTHING; r = set->rules[r].next)
        if (!explain_capture(&set->rules[r], a, ret) || !explain_actions(set, set->rules[r].written.actions, a, ret))
            return false;
    return explain_record(set, h, a, ret) && explain_tags(set, &h->written, a, ret);
}
