/* SPDX-License-Identifier: Apache-2.0 */
/* What rules do when they match. Order and scope are ModSecurity 3's: setvar at each match, the rest once the chain has matched. */
#include "waf/engine/transaction.h"

#include "waf/operator/number.h"

/* The status of a refusal where no rule gives one. */
#define STATUS_REFUSED 403
#define STATUS_MOVED 302
#define EVENTS_MAX 10000
/* Of one event; a rule may match each of 100,000 arguments. */
#define MATCHED_SHOWN_MAX 100

bool rule_has_tag(struct waf_transaction *t, const struct waf_rule *r, struct bytes tag)
{
    for (uint32_t i = 0; i < r->written.tags.count; i++) {
        struct bytes text;
        if (!macros_expand(t, t->set->templates[r->written.tags.first + i], &text))
            t->out_of_memory = true;
        else if (bytes_equal(text, tag))
            return true;
    }
    return false;
}

bool rule_has_message(struct waf_transaction *t, const struct waf_rule *r, struct bytes message)
{
    struct bytes text;
    if (!r->written.has_msg)
        return false;
    if (!macros_expand(t, r->written.msg, &text)) {
        t->out_of_memory = true;
        return false;
    }
    return bytes_equal(text, message);
}

/* ---- setvar and what names collections */

/* What setvar makes of the value that is there. False when memory is out. */
static bool new_value(struct waf_transaction *t, const struct waf_action *a, const struct waf_value *there, struct bytes given, struct bytes *ret)
{
    *ret = given;
    if (a->operation != SETVAR_ADD && a->operation != SETVAR_SUBTRACT)
        return true;
    int64_t by = operand_number(OPERATOR_EQ, given), before = there ? operand_number(OPERATOR_EQ, there->value) : 0;
    return bytes_of_number(a->operation == SETVAR_ADD ? before + by : before - by, t->arena, ret);
}

/* No copy: no text of a transaction changes where it is, nor goes before its end. */
static bool lend_known(struct waf_transaction *t, const struct selection *s, struct bytes value)
{
    struct waf_values *tx = &t->lists[VARIABLE_TX];
    struct waf_value *there = values_known(tx, s->number);
    if (!there)
        return values_lend_known(tx, VARIABLE_TX, s->number, s->name, value, t->arena);
    there->value = value;
    return true;
}

/* Of TX, where the rules write the name out. */
static bool set_known(struct waf_transaction *t, const struct waf_action *a, const struct selection *s, struct bytes given)
{
    struct waf_values *tx = &t->lists[VARIABLE_TX];
    const struct waf_value *there = values_known(tx, s->number);
    struct bytes value;
    if (a->operation == SETVAR_UNSET)
        return !there || values_remove(tx, s->name);
    return new_value(t, a, there, given, &value) && lend_known(t, s, value);
}

/* By a name that has macros, or of another collection. */
static bool set_named(struct waf_transaction *t, const struct waf_action *a, struct bytes given)
{
    struct waf_values *store = &t->lists[a->variable];
    struct bytes name, value;
    if (!macros_expand(t, a->name, &name))
        return false;
    if (collection_is_open(t, a->variable))
        return collection_set(t, a, name, given);
    if (a->operation == SETVAR_UNSET)
        return values_remove(store, name);
    bool adds = a->operation == SETVAR_ADD || a->operation == SETVAR_SUBTRACT;
    return new_value(t, a, adds ? values_find(store, name) : NULL, given, &value) && values_lend(store, a->variable, name, value, t->arena);
}

static bool set_variable(struct waf_transaction *t, uint32_t action)
{
    const struct waf_action *a = &t->set->actions[action];
    const struct selection *s = &t->program->actions[action];
    const struct prepared_action *known = &t->program->prepared.actions[action];
    struct bytes given = bytes_of_text("1");
    if (known->is_known)
        return lend_known(t, s, known->value);
    if (a->operation != SETVAR_ONE && !macros_expand(t, a->value, &given))
        return false;
    return s->number != NOTHING ? set_known(t, a, s, given) : set_named(t, a, given);
}

/* The actions that say which collection one is, and the variable that keeps the key. */
static bool names_collection(const struct waf_action *a, uint8_t *ret_collection, uint8_t *ret_key)
{
    *ret_key = VARIABLE_COUNT;
    switch ((enum action_kind)a->kind) {
    case ACTION_INITCOL:
        *ret_collection = a->variable;
        return true;
    case ACTION_SETRSC:
        *ret_collection = VARIABLE_RESOURCE;
        return true;
    case ACTION_SETSID:
        *ret_collection = VARIABLE_SESSION;
        *ret_key = VARIABLE_SESSIONID;
        return true;
    case ACTION_SETUID:
        *ret_collection = VARIABLE_USER;
        *ret_key = VARIABLE_USERID;
        return true;
    default:
        return false;
    }
}

static bool name_collection(struct waf_transaction *t, const struct waf_action *a)
{
    uint8_t collection, variable;
    struct bytes key;
    if (!names_collection(a, &collection, &variable))
        return true;
    if (!macros_expand(t, a->value, &key))
        return false;
    if (variable != VARIABLE_COUNT)
        t->scalars[variable] = key;
    return collection_open(t, collection, key);
}

/* In a rule of no chain, where a match is the whole match, `initcol:ip=...,setvar:ip.n=+1` means what it says. */
static bool set_variables(struct waf_transaction *t, struct waf_span actions, bool whole)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *a = &t->set->actions[i];
        if (a->kind == ACTION_SETVAR ? !set_variable(t, i) : whole && !name_collection(t, a))
            return false;
    }
    return true;
}

static bool is_chained(const struct waf_transaction *t, const struct waf_rule *r)
{
    return r->chain || r != &t->set->rules[r->head];
}

/* As SecDefaultAction and the rule say. */
static bool sanitise(struct waf_transaction *t, const struct waf_rule *r)
{
    const struct waf_default *defaults = &t->set->defaults[r->phase];
    return r->kind != RULE_CONDITION || ((!defaults->given || sanitise_matched(t, defaults->effects.actions, r->written.capture)) &&
                                            sanitise_matched(t, r->written.actions, r->written.capture));
}

bool act_on_match(struct waf_transaction *t, uint32_t rule)
{
    const struct waf_rule *r = &t->set->rules[rule];
    bool whole = !is_chained(t, r);
    if (!set_variables(t, r->written.actions, whole) || (t->program->prepared.rules[rule].marks_at_once && !sanitise(t, r)))
        return false;
    for (uint32_t i = 0; i < r->updates.count; i++) {
        const struct waf_exception *e = &t->set->exceptions[t->set->action_updates[r->updates.first + i]];
        if (!set_variables(t, e->effects.actions, whole))
            return false;
    }
    return true;
}

/* ---- ctl */

static bool remove_for(struct waf_transaction *t, struct removal removal)
{
    struct removal *grown = arena_grow(t->arena, t->removals.items, t->removals.count, &t->removals.capacity, sizeof *grown);
    if (!grown)
        return false;
    t->removals.items = grown;
    grown[t->removals.count++] = removal;
    return true;
}

static bool remove_rules(struct waf_transaction *t, uint32_t action)
{
    const struct waf_action *a = &t->set->actions[action];
    bool of_target = ctl_shapes[a->ctl] == CTL_ID_TARGET || ctl_shapes[a->ctl] == CTL_TEXT_TARGET;
    struct removal r = {
        .by_message = a->ctl == CTL_RULE_REMOVE_BY_MSG || a->ctl == CTL_RULE_REMOVE_TARGET_BY_MSG,
        .text = waf_text_bytes(t->set, a->text),
        .target = of_target ? &a->target : NULL,
        .selection = &t->program->actions[action],
    };
    if (ctl_shapes[a->ctl] == CTL_TEXT || ctl_shapes[a->ctl] == CTL_TEXT_TARGET)
        return remove_for(t, r);
    for (uint32_t i = 0; i < a->ids.count; i++) {
        r.ids = t->set->ids[a->ids.first + i];
        r.text = (struct bytes){0};
        if (!remove_for(t, r))
            return false;
    }
    return true;
}

static void choose_processor(struct waf_transaction *t, uint8_t processor)
{
    static const struct {
        enum body_kind kind;
        const char *name;
    } processors[] = {
        [PROCESSOR_URLENCODED] = {BODY_URLENCODED, "URLENCODED"},
        [PROCESSOR_MULTIPART] = {BODY_MULTIPART, "MULTIPART"},
        [PROCESSOR_JSON] = {BODY_JSON, "JSON"},
        [PROCESSOR_XML] = {BODY_XML, "XML"},
    };
    t->parsed = true;
    t->body = processors[processor].kind;
    t->scalars[VARIABLE_REQBODY_PROCESSOR] = bytes_of_text(processors[processor].name);
}

static bool control(struct waf_transaction *t, uint32_t action)
{
    const struct waf_action *a = &t->set->actions[action];
    switch ((enum ctl)a->ctl) {
    case CTL_RULE_ENGINE:
        t->engine = a->operation;
        return true;
    case CTL_REQUEST_BODY_ACCESS:
        t->request_access = a->operation;
        return true;
    case CTL_RESPONSE_BODY_ACCESS:
        t->response_access = a->operation;
        return true;
    case CTL_FORCE_REQUEST_BODY_VARIABLE:
        t->force_body_variable = a->operation == SWITCH_ON;
        return true;
    case CTL_REQUEST_BODY_PROCESSOR:
        choose_processor(t, a->operation);
        return true;
    case CTL_RULE_REMOVE_BY_ID:
    case CTL_RULE_REMOVE_BY_MSG:
    case CTL_RULE_REMOVE_BY_TAG:
    case CTL_RULE_REMOVE_TARGET_BY_ID:
    case CTL_RULE_REMOVE_TARGET_BY_MSG:
    case CTL_RULE_REMOVE_TARGET_BY_TAG:
        return remove_rules(t, action);
    case CTL_AUDIT_ENGINE: /* what is kept for audit is the caller's */
    case CTL_AUDIT_LOG_PARTS:
    case CTL_DEBUG_LOG_LEVEL:
    case CTL_REQUEST_BODY_LIMIT: /* ModSecurity 3 takes these, and does nothing */
    case CTL_RESPONSE_BODY_LIMIT:
    case CTL_COUNT:
        break;
    }
    return true;
}

/* ---- the rest */

/* What is taken away stays in the list without a value, so that the server's is not seen in its place. */
static bool set_environment(struct waf_transaction *t, const struct waf_action *a)
{
    struct waf_values *list = &t->lists[VARIABLE_ENV];
    struct bytes name, value;
    if (!macros_expand(t, a->name, &name) || !macros_expand(t, a->value, &value) || !values_set(list, VARIABLE_ENV, name, value, t->arena))
        return false;
    if (a->operation == SETVAR_UNSET)
        values_find(list, name)->value = (struct bytes){0};
    return true;
}

static bool expire(struct waf_transaction *t, const struct waf_action *a)
{
    struct bytes name, seconds;
    if (!macros_expand(t, a->name, &name) || !macros_expand(t, a->value, &seconds))
        return false;
    return collection_expire(t, a->variable, name, a->value.count ? number_of_32(seconds) : a->number);
}

static void jump(struct waf_transaction *t, const struct waf_action *a)
{
    t->jumping = true;
    t->marker = a->text;
    t->landing = a->jump;
}

static bool run_action(struct waf_transaction *t, uint32_t action)
{
    const struct waf_action *a = &t->set->actions[action];
    struct bytes name;
    switch ((enum action_kind)a->kind) {
    case ACTION_CTL:
        return control(t, action);
    case ACTION_SKIP:
        t->skip = a->number;
        return true;
    case ACTION_SKIP_AFTER:
        jump(t, a);
        return true;
    case ACTION_SETENV:
        return set_environment(t, a);
    case ACTION_EXPIREVAR:
        return expire(t, a);
    case ACTION_DEPRECATEVAR:
        return macros_expand(t, a->name, &name) && collection_deprecate(t, a, name);
    case ACTION_SANITISE_ARG:
    case ACTION_SANITISE_REQUEST_HEADER:
    case ACTION_SANITISE_RESPONSE_HEADER:
        return sanitise_named(t, a);
    case ACTION_STATUS:
        t->outcome.status = (int)a->number;
        return true;
    default: /* setvar has run at each match; what is left is for whoever keeps records, or refused by the loader */
        return true;
    }
}

/* `named`: the collections that they name have been at the match. */
static inline bool run_actions(struct waf_transaction *t, struct waf_span actions, bool named)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *a = &t->set->actions[i];
        if (a->kind != ACTION_SETVAR && (!run_action(t, i) || (!named && !name_collection(t, a))))
            return false;
    }
    return true;
}

bool act_lightly(struct waf_transaction *t, struct waf_span actions)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *a = &t->set->actions[i];
        if (a->kind == ACTION_SKIP_AFTER)
            jump(t, a);
        else if (a->kind == ACTION_SETVAR ? !set_variable(t, i) : !run_action(t, i))
            return false;
    }
    return true;
}

static void decide(struct waf_transaction *t, enum waf_decision decision, struct rule_run *run)
{
    t->outcome.decision = decision;
    t->outcome.decided_by = run->head + 1;
    t->outcome.phase = t->phase;
    run->refusing = true;
}

static void allow(struct waf_transaction *t, enum allowed what)
{
    t->allowed = what;
    t->let_by = t->let_by || t->phase != 5; /* in phase 5 the message has gone its way */
}

static bool disrupt(struct waf_transaction *t, const struct waf_effects *e, struct rule_run *run)
{
    if (e->disruptive == DISRUPTIVE_UNSET || e->disruptive == DISRUPTIVE_PASS || t->engine != SWITCH_ON)
        return true;
    int status = e->status > 0 ? e->status : t->outcome.status;
    switch ((enum disruptive)e->disruptive) {
    case DISRUPTIVE_DENY:
    case DISRUPTIVE_DROP:
        t->outcome.status = status && status != 200 ? status : STATUS_REFUSED;
        decide(t, e->disruptive == DISRUPTIVE_DENY ? WAF_DENY : WAF_DROP, run);
        return true;
    case DISRUPTIVE_REDIRECT:
        t->outcome.status = status >= 301 && status <= 307 ? status : STATUS_MOVED;
        decide(t, WAF_REDIRECT, run);
        return macros_expand(t, e->redirect, &t->outcome.redirect);
    case DISRUPTIVE_ALLOW:
        allow(t, ALLOWED_ALL);
        return true;
    case DISRUPTIVE_ALLOW_PHASE:
        allow(t, ALLOWED_PHASE);
        return true;
    case DISRUPTIVE_ALLOW_REQUEST:
        allow(t, ALLOWED_REQUEST);
        return true;
    case DISRUPTIVE_PASS:
    case DISRUPTIVE_UNSET:
        break;
    }
    return true;
}

/* `block`: what the default actions of the phase say. */
static bool block(struct waf_transaction *t, const struct waf_rule *r, struct rule_run *run)
{
    return disrupt(t, &t->set->defaults[r->phase].effects, run);
}

static bool describe_in_words(struct waf_transaction *t, const struct waf_effects *e, struct rule_run *run)
{
    return (!e->has_logdata || macros_expand(t, e->logdata, &run->event.data)) && (!e->has_msg || macros_expand(t, e->msg, &run->event.msg));
}

static inline bool describe(struct waf_transaction *t, const struct waf_effects *e, struct rule_run *run)
{
    if (e->log != UNSET)
        run->record = e->log == YES;
    if (e->severity >= 0) {
        run->event.severity = e->severity;
        if (e->severity < t->highest_severity)
            t->highest_severity = e->severity;
    }
    return (!e->has_logdata && !e->has_msg) || describe_in_words(t, e, run);
}

static bool add_tags(struct waf_transaction *t, const struct waf_effects *e, struct rule_run *run)
{
    struct bytes *tags = arena_array(t->arena, run->event.tag_count + e->tags.count, sizeof *tags);
    if (!tags)
        return false;
    if (run->event.tag_count)
        memcpy(tags, run->event.tags, run->event.tag_count * sizeof *tags);
    run->event.tags = tags;
    for (uint32_t i = 0; i < e->tags.count; i++)
        if (!macros_expand(t, t->set->templates[e->tags.first + i], &tags[run->event.tag_count++]))
            return false;
    return true;
}

static inline bool take_tags(struct waf_transaction *t, const struct waf_effects *e, struct rule_run *run)
{
    return !e->tags.count || add_tags(t, e, run);
}

/* What SecRuleUpdateActionById gives the rule; its own disruptive action then does not run. */
static bool act_on_updates(struct waf_transaction *t, const struct waf_rule *r, struct rule_run *run)
{
    for (uint32_t i = 0; i < r->updates.count; i++) {
        const struct waf_effects *e = &t->set->exceptions[t->set->action_updates[r->updates.first + i]].effects;
        if (!run_actions(t, e->actions, !is_chained(t, r)) || !describe(t, e, run) || !take_tags(t, e, run) || (e->block && !block(t, r, run)) || !disrupt(t, e, run))
            return false;
    }
    return true;
}

bool act_describe(struct waf_transaction *t, uint32_t rule, struct rule_run *run)
{
    const struct waf_rule *r = &t->set->rules[rule];
    const struct waf_default *defaults = &t->set->defaults[r->phase];
    return (!defaults->given || describe(t, &defaults->effects, run)) && take_tags(t, &r->written, run) && describe(t, &r->written, run);
}

/* What the match is, and what it does, but for what it decides. */
static bool act_on_whole(struct waf_transaction *t, const struct waf_rule *r, struct rule_run *run)
{
    const struct waf_default *defaults = &t->set->defaults[r->phase];
    if (defaults->given && (!run_actions(t, defaults->effects.actions, false) || !describe(t, &defaults->effects, run)))
        return false;
    return take_tags(t, &r->written, run) && act_on_updates(t, r, run) && describe(t, &r->written, run) && run_actions(t, r->written.actions, !is_chained(t, r));
}

/* The same of a rule that is plain. */
static bool act_plainly(struct waf_transaction *t, const struct waf_rule *r, const struct prepared_rule *prepared, struct rule_run *run)
{
    if (prepared->log != UNSET)
        run->record = prepared->log == YES;
    return !prepared->acts_later || run_actions(t, r->written.actions, !is_chained(t, r));
}

bool act_on_full_match(struct waf_transaction *t, uint32_t rule, struct rule_run *run)
{
    const struct waf_rule *r = &t->set->rules[rule];
    const struct prepared_rule *prepared = &t->program->prepared.rules[rule];
    if (prepared->is_plain ? !act_plainly(t, r, prepared, run) : !act_on_whole(t, r, run))
        return false;
    if (r->updates.count)
        return true;
    return (!r->written.block || block(t, r, run)) && disrupt(t, &r->written, run);
}

/* What matched, by name. */
static bool show_matches(struct waf_transaction *t, struct rule_run *run)
{
    size_t count = t->match_count > run->first_match ? t->match_count - run->first_match : 0;
    const struct rule_match *from = count ? &t->matches[run->first_match] : NULL;
    if (count > MATCHED_SHOWN_MAX)
        count = MATCHED_SHOWN_MAX;
    run->event.matched = arena_array(t->arena, count, sizeof *run->event.matched);
    run->event.matched_count = count;
    for (size_t i = 0; run->event.matched && i < count; i++) {
        struct waf_matched *m = &run->event.matched[i];
        *m = (struct waf_matched){.value = from[i].value, .offset = from[i].where.offset, .length = from[i].where.length};
        if (!variables_full_name(t, &from[i].of, &m->variable))
            return false;
    }
    return run->event.matched;
}

bool act_record(struct waf_transaction *t, struct rule_run *run)
{
    if (!run->record)
        return true;
    if (t->outcome.event_count == EVENTS_MAX) {
        limit_passed(t, "more rules fired than are kept");
        return true;
    }
    struct waf_event *grown = arena_grow(t->arena, t->outcome.events, t->outcome.event_count, &t->event_capacity, sizeof *grown);
    if (!grown || !show_matches(t, run))
        return false;
    t->outcome.events = grown;
    grown[t->outcome.event_count++] = run->event;
    return true;
}
