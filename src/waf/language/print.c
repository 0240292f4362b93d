/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/print.h"

#include "waf/language/directives.h"
#include "waf/language/reading.h"
#include "waf/transform/transform.h"

#define LONGEST ((size_t)64 << 20) /* of one value: more than any file of rules */

static void put_text(const struct waf_rule_set *set, struct waf_text t, struct text *out)
{
    struct bytes b = waf_text_bytes(set, t);
    if (b.len)
        text_append(out, b.at, b.len);
}

void template_print(const struct waf_rule_set *set, struct waf_template t, struct text *out)
{
    for (uint32_t i = 0; i < t.count; i++) {
        const struct waf_part *p = &set->parts[t.first + i];
        if (!p->macro) {
            put_text(set, p->text, out);
            continue;
        }
        text_printf(out, "%%{%s", variable_names[p->variable]);
        if (p->selector != SELECTOR_NONE)
            text_puts(out, p->selector == SELECTOR_REGEX ? "./" : ".");
        put_text(set, p->text, out);
        text_puts(out, p->selector == SELECTOR_REGEX ? "/}" : "}");
    }
}

/* Does a regular expression need '/.../'? */
static bool regex_needs_quotes(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '|' || text.at[i] == '=' || text.at[i] == ' ' || text.at[i] == '\t')
            return true;
    return false;
}

void target_print(const struct waf_rule_set *set, const struct waf_target *t, struct text *out)
{
    text_printf(out, "%s%s", t->exclusion ? "!" : t->count ? "&" : "", variable_names[t->variable]);
    if (t->selector == SELECTOR_NONE)
        return;
    bool regex = t->selector == SELECTOR_REGEX, quotes = regex && regex_needs_quotes(waf_text_bytes(set, t->text));
    text_puts(out, quotes ? ":'/" : regex ? ":/" : ":");
    put_text(set, t->text, out);
    text_puts(out, quotes ? "/'" : regex ? "/" : "");
}

static void targets_print(const struct waf_rule_set *set, struct waf_span targets, struct text *out)
{
    for (uint32_t i = 0; i < targets.count; i++) {
        if (i)
            text_puts(out, "|");
        target_print(set, &set->targets[targets.first + i], out);
    }
}

static void ids_print(const struct waf_rule_set *set, struct waf_span ids, struct text *out)
{
    for (uint32_t i = 0; i < ids.count; i++) {
        const struct waf_ids *r = &set->ids[ids.first + i];
        text_printf(out, "%s%lld", i ? " " : "", (long long)r->first);
        if (r->last != r->first)
            text_printf(out, "-%lld", (long long)r->last);
    }
}

/* The words of a ctl that takes one of a few. */
static const struct choice *ctl_choices(uint8_t shape)
{
    switch ((enum ctl_value_shape)shape) {
    case CTL_ENGINE:
        return engine_choices;
    case CTL_AUDIT_SWITCH:
        return audit_engine_choices;
    case CTL_PROCESSOR:
        return processor_choices;
    default:
        return switch_choices;
    }
}

static void ctl_print(const struct waf_rule_set *set, const struct waf_action *a, struct text *out)
{
    static const char *const signs[] = {"", "+", "-"};
    text_printf(out, "%s=", ctl_names[a->ctl]);
    switch ((enum ctl_value_shape)ctl_shapes[a->ctl]) {
    case CTL_SWITCH:
    case CTL_ENGINE:
    case CTL_AUDIT_SWITCH:
    case CTL_PROCESSOR:
        text_puts(out, choice_name(ctl_choices(ctl_shapes[a->ctl]), a->operation));
        break;
    case CTL_PARTS:
        text_puts(out, signs[a->operation]);
        put_text(set, a->text, out);
        break;
    case CTL_NUMBER:
        text_printf(out, "%lld", (long long)a->number);
        break;
    case CTL_IDS:
        ids_print(set, a->ids, out);
        break;
    case CTL_TEXT:
        put_text(set, a->text, out);
        break;
    case CTL_ID_TARGET:
        ids_print(set, a->ids, out);
        text_puts(out, ";");
        put_text(set, a->text2, out);
        break;
    case CTL_TEXT_TARGET:
        put_text(set, a->text, out);
        text_puts(out, ";");
        put_text(set, a->text2, out);
        break;
    }
}

static void stored_name_print(const struct waf_rule_set *set, const struct waf_action *a, struct text *out)
{
    text_printf(out, "%s.", variable_names[a->variable]);
    template_print(set, a->name, out);
}

/* What follows the action's name and colon. */
static void action_value_print(const struct waf_rule_set *set, const struct waf_action *a, struct text *out)
{
    static const char *const operations[] = {"=", "=+", "=-", "", ""};
    switch ((enum action_kind)a->kind) {
    case ACTION_SETVAR:
        text_puts(out, a->operation == SETVAR_UNSET ? "!" : "");
        stored_name_print(set, a, out);
        text_puts(out, operations[a->operation]);
        template_print(set, a->value, out);
        break;
    case ACTION_INITCOL:
        text_puts(out, a->variable == VARIABLE_IP ? "ip=" : a->variable == VARIABLE_GLOBAL ? "global=" : "resource=");
        template_print(set, a->value, out);
        break;
    case ACTION_EXPIREVAR:
        stored_name_print(set, a, out);
        text_puts(out, "=");
        if (a->value.count)
            template_print(set, a->value, out);
        else
            text_printf(out, "%lld", (long long)a->number);
        break;
    case ACTION_DEPRECATEVAR:
        stored_name_print(set, a, out);
        text_printf(out, "=%lld/%lld", (long long)a->number, (long long)a->period);
        break;
    case ACTION_SETENV:
        text_puts(out, a->operation == SETVAR_UNSET ? "!" : "");
        template_print(set, a->name, out);
        text_puts(out, operations[a->operation]);
        template_print(set, a->value, out);
        break;
    case ACTION_SETUID:
    case ACTION_SETSID:
    case ACTION_SETRSC:
        template_print(set, a->value, out);
        break;
    case ACTION_SKIP:
        text_printf(out, "%lld", (long long)a->number);
        break;
    case ACTION_SANITISE_MATCHED_BYTES:
        if (a->number != NOTHING)
            text_printf(out, "%lld/%lld", (long long)a->number, (long long)a->period);
        break;
    case ACTION_XMLNS:
        put_text(set, a->text, out);
        text_puts(out, "=");
        put_text(set, a->text2, out);
        break;
    case ACTION_CTL:
        ctl_print(set, a, out);
        break;
    default:
        put_text(set, a->text, out);
        break;
    }
}

/*
 * A value behind its colon. In quotes, unless it holds one that is not escaped, or ends in a backslash that would
 * escape the closing one: such a value was written without.
 */
static void value_print(struct text *value, struct text *out)
{
    struct bytes v = bytes_of(text_cstr(value), value->len);
    bool bare = is_escaped(v, v.len);
    for (size_t i = 0; i < v.len && !bare; i++)
        bare = v.at[i] == '\'' && !is_escaped(v, i);
    text_puts(out, bare ? ":" : ":'");
    text_append(out, v.at, v.len);
    text_puts(out, bare ? "" : "'");
    out->failed = out->failed || value->failed;
    text_free(value);
}

/* Needs no quotes, nor would it survive in ModSecurity's own parser with them: ctl, initcol, skip ... */
static bool is_word(const struct waf_action *a, struct bytes v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.at[i] <= ' ' || memchr(",'\"\\", v.at[i], 4) || (v.at[i] == '%' && a->kind != ACTION_INITCOL))
            return false;
    return true;
}

void action_print(const struct waf_rule_set *set, const struct waf_action *a, struct text *out)
{
    struct text value = text_new(LONGEST);
    text_puts(out, action_names[a->kind]);
    action_value_print(set, a, &value);
    if (value.len && is_word(a, bytes_of(value.at, value.len))) {
        text_printf(out, ":%s", text_cstr(&value));
        text_free(&value);
    } else if (value.len || action_values[a->kind] == VALUE_NEEDED)
        value_print(&value, out);
    else
        text_free(&value);
}

/* Actions with commas between them, each on a line. */
struct list {
    const struct waf_rule_set *set;
    struct text *out;
    const char *between;
    bool any;
};

static struct text *list_next(struct list *l)
{
    if (l->any) {
        text_puts(l->out, ",");
        text_puts(l->out, l->between);
    }
    l->any = true;
    return l->out;
}

static void list_template(struct list *l, const char *name, struct waf_template t)
{
    struct text value = text_new(LONGEST);
    text_puts(list_next(l), name);
    template_print(l->set, t, &value);
    value_print(&value, l->out);
}

static void list_text(struct list *l, const char *name, struct waf_text t)
{
    struct text value = text_new(LONGEST);
    if (t.len == 0)
        return;
    text_puts(list_next(l), name);
    put_text(l->set, t, &value);
    value_print(&value, l->out);
}

static void list_disruptive(struct list *l, const struct waf_effects *e)
{
    static const char *const names[] = {NULL, "pass", "deny", "drop", NULL, "allow", "allow:phase", "allow:request"};
    if (e->block)
        text_puts(list_next(l), "block");
    if (e->disruptive == DISRUPTIVE_REDIRECT)
        list_template(l, "redirect", e->redirect);
    else if (e->disruptive != DISRUPTIVE_UNSET)
        text_puts(list_next(l), names[e->disruptive]);
    if (e->status)
        text_printf(list_next(l), "status:%d", e->status);
}

/* What the two switches mean for each other is undone again where they differ. */
static void list_logging(struct list *l, const struct waf_effects *e)
{
    if (e->audit != UNSET)
        text_puts(list_next(l), e->audit == YES ? "auditlog" : "noauditlog");
    if (e->log != UNSET && !(e->log == YES && e->audit == YES)) /* which auditlog says */
        text_puts(list_next(l), e->log == YES ? "log" : "nolog");
}

static void list_effects(struct list *l, const struct waf_effects *e)
{
    list_disruptive(l, e);
    if (e->capture)
        text_puts(list_next(l), "capture");
    if (e->multi_match)
        text_puts(list_next(l), "multiMatch");
    for (uint32_t i = 0; i < e->transformations.count; i++)
        text_printf(list_next(l), "t:%s", transformation_names[l->set->transformations[e->transformations.first + i]]);
    list_logging(l, e);
    if (e->has_msg)
        list_template(l, "msg", e->msg);
    if (e->has_logdata)
        list_template(l, "logdata", e->logdata);
    for (uint32_t i = 0; i < e->tags.count; i++)
        list_template(l, "tag", l->set->templates[e->tags.first + i]);
    if (e->severity >= 0)
        text_printf(list_next(l), "severity:%s", choice_name(severity_choices, (uint8_t)e->severity));
    for (uint32_t i = 0; i < e->actions.count; i++)
        action_print(l->set, &l->set->actions[e->actions.first + i], list_next(l));
}

#define NEXT_LINE "\\\n    "

static void list_rule(struct list *l, const struct waf_rule *rule)
{
    if (rule->id)
        text_printf(list_next(l), "id:%lld", (long long)rule->id);
    if (rule->phase_given)
        text_printf(list_next(l), "phase:%u", rule->phase);
    list_effects(l, &rule->written);
    list_text(l, "ver", rule->ver);
    list_text(l, "rev", rule->rev);
    if (rule->maturity >= 0)
        text_printf(list_next(l), "maturity:%d", rule->maturity);
    if (rule->accuracy >= 0)
        text_printf(list_next(l), "accuracy:%d", rule->accuracy);
    if (rule->chain)
        text_puts(list_next(l), "chain");
}

static void operator_print(const struct waf_rule_set *set, const struct waf_rule *rule, struct text *out)
{
    text_printf(out, "\"%s@%s", rule->negated ? "!" : "", operator_names[rule->operator]);
    if (operator_operands[rule->operator] != OPERAND_NONE) {
        text_puts(out, " ");
        put_text(set, rule->operand_text, out);
    }
    text_puts(out, "\"");
}

/* Bare where it can be. */
static void bare_targets_print(const struct waf_rule_set *set, struct waf_span targets, struct text *out)
{
    struct text all = text_new(LONGEST);
    targets_print(set, targets, &all);
    bool bare = true;
    for (size_t i = 0; i < all.len; i++)
        bare = bare && (uint8_t)all.at[i] > ' ' && all.at[i] != '"';
    bare = bare && all.len && all.at[all.len - 1] != '\\';
    text_printf(out, bare ? "%s" : "\"%s\"", text_cstr(&all));
    out->failed = out->failed || all.failed;
    text_free(&all);
}

void rule_print(const struct waf_rule_set *set, const struct waf_rule *rule, struct text *out)
{
    struct text actions = text_new(LONGEST);
    struct list l = {.set = set, .out = &actions, .between = NEXT_LINE};
    if (rule->kind == RULE_MARKER) {
        text_puts(out, "SecMarker \"");
        put_text(set, rule->label, out);
        text_puts(out, "\"\n");
        return;
    }
    list_rule(&l, rule);
    if (rule->kind == RULE_ACTION) {
        text_puts(out, "SecAction");
    } else {
        text_puts(out, "SecRule ");
        bare_targets_print(set, rule->written_targets, out);
        text_puts(out, " ");
        operator_print(set, rule, out);
    }
    if (l.any)
        text_printf(out, " " NEXT_LINE "\"%s\"", text_cstr(&actions));
    text_puts(out, "\n");
    out->failed = out->failed || actions.failed;
    text_free(&actions);
}

static void effects_print(const struct waf_rule_set *set, const struct waf_effects *e, struct text *out)
{
    struct list l = {.set = set, .out = out, .between = ""};
    list_effects(&l, e);
}

static void default_print(const struct waf_rule_set *set, unsigned phase, struct text *out)
{
    text_printf(out, "SecDefaultAction \"phase:%u,", phase);
    effects_print(set, &set->defaults[phase].effects, out);
    text_puts(out, "\"\n");
}

static void exception_print(const struct waf_rule_set *set, const struct waf_exception *e, struct text *out)
{
    static const char *const names[] = {"RemoveById", "RemoveByMsg", "RemoveByTag", "UpdateTargetById", "UpdateTargetByMsg",
        "UpdateTargetByTag", "UpdateActionById"};
    text_printf(out, "SecRule%s ", names[e->kind]);
    if (e->ids.count == 1 || e->kind == EXCEPTION_REMOVE_BY_ID) {
        ids_print(set, e->ids, out);
    } else {
        text_puts(out, "\"");
        ids_print(set, e->ids, out);
        put_text(set, e->text, out);
        text_puts(out, "\"");
    }
    if (e->targets.count) {
        text_puts(out, " ");
        bare_targets_print(set, e->targets, out);
    }
    if (e->kind == EXCEPTION_UPDATE_ACTION_BY_ID) {
        text_puts(out, " \"");
        effects_print(set, &e->effects, out);
        text_puts(out, "\"");
    }
    text_puts(out, "\n");
}

void rule_set_print(const struct waf_rule_set *set, struct text *out)
{
    for (size_t i = 0; i < directive_setting_count; i++)
        if (set->given >> i & 1)
            setting_print(set, &directives[i], out);
    for (unsigned phase = 0; phase < WAF_PHASES; phase++)
        if (set->defaults[phase].given)
            default_print(set, phase, out);
    for (uint32_t i = 0; i < set->rule_count; i++) {
        rule_print(set, &set->rules[i], out);
        if (!set->rules[i].chain) /* ModSecurity takes the next line for the actions of a rule that has none */
            text_puts(out, "\n");
    }
    for (uint32_t i = 0; i < set->exception_count; i++)
        exception_print(set, &set->exceptions[i], out);
}
