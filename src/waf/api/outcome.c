/* SPDX-License-Identifier: Apache-2.0 */
/* What stands and what came of a transaction, piece by piece and as JSON. */
#include "waf/api/api.h"
#include "waf/api/sized.h"

const struct waf_outcome *api_outcome(const struct bh_waf_transaction *t)
{
    if (t->outcome)
        return t->outcome;
    return t->unread.decision != WAF_PASS || !t->engine ? &t->unread : transaction_outcome(t->engine);
}

/* ---- the decision */

enum bh_waf_decision bh_waf_decision(const struct bh_waf_transaction *t)
{
    static const enum bh_waf_decision decisions[] = {[WAF_PASS] = BH_WAF_PASS, [WAF_DENY] = BH_WAF_DENY, [WAF_DROP] = BH_WAF_DROP, [WAF_REDIRECT] = BH_WAF_REDIRECT,
        [WAF_ALLOW] = BH_WAF_ALLOW};
    return t ? decisions[api_outcome(t)->decision] : BH_WAF_DENY;
}

int bh_waf_status(const struct bh_waf_transaction *t)
{
    return t && waf_refuses(api_outcome(t)->decision) ? api_outcome(t)->status : 0;
}

int bh_waf_phase(const struct bh_waf_transaction *t)
{
    return t && waf_refuses(api_outcome(t)->decision) ? api_outcome(t)->phase : 0;
}

struct bh_waf_bytes bh_waf_redirect(const struct bh_waf_transaction *t)
{
    return t && api_outcome(t)->decision == WAF_REDIRECT ? bytes_told(api_outcome(t)->redirect) : (struct bh_waf_bytes){0};
}

int64_t bh_waf_number(struct bh_waf_transaction *t, const char *name)
{
    return t && t->engine && name ? transaction_number(t->engine, name) : 0;
}

/* ---- events */

/* NULL: there is none of that number, or not yet. */
static const struct waf_event *event_at(const struct bh_waf_transaction *t, size_t index)
{
    return t && t->outcome && index < t->outcome->event_count ? &t->outcome->events[index] : NULL;
}

size_t bh_waf_event_count(const struct bh_waf_transaction *t)
{
    return t && t->outcome ? t->outcome->event_count : 0;
}

enum bh_waf_result bh_waf_event(const struct bh_waf_transaction *t, size_t index, struct bh_waf_event *ret)
{
    const struct waf_event *e = event_at(t, index);
    if (!e || !ret)
        return BH_WAF_MISUSE;
    const struct waf_rule_set *set = t->rules->set;
    const struct waf_rule *rule = &set->rules[e->rule];
    struct bh_waf_event made = {
        .id = rule->id,
        .phase = rule->phase,
        .severity = e->severity,
        .message = bytes_told(e->msg),
        .data = bytes_told(e->data),
        .file = bytes_told(waf_text_bytes(set, set->files[rule->file])),
        .line = rule->line,
        .tag_count = e->tag_count,
        .match_count = e->matched_count,
    };
    return sized_write(ret, &made, sizeof made) ? BH_WAF_OK : BH_WAF_MISUSE;
}

struct bh_waf_bytes bh_waf_event_tag(const struct bh_waf_transaction *t, size_t index, size_t tag)
{
    const struct waf_event *e = event_at(t, index);
    return e && tag < e->tag_count ? bytes_told(e->tags[tag]) : (struct bh_waf_bytes){0};
}

enum bh_waf_result bh_waf_event_match(const struct bh_waf_transaction *t, size_t index, size_t match, struct bh_waf_match *ret)
{
    const struct waf_event *e = event_at(t, index);
    if (!e || !ret || match >= e->matched_count)
        return BH_WAF_MISUSE;
    const struct waf_matched *m = &e->matched[match];
    struct bh_waf_match made = {.variable = bytes_told(m->variable), .value = bytes_told(m->value), .offset = m->offset, .length = m->length};
    return sized_write(ret, &made, sizeof made) ? BH_WAF_OK : BH_WAF_MISUSE;
}

/* ---- the rest */

size_t bh_waf_limit_count(const struct bh_waf_transaction *t)
{
    return t && t->outcome ? t->outcome->limit_count : 0;
}

const char *bh_waf_limit(const struct bh_waf_transaction *t, size_t index)
{
    return index < bh_waf_limit_count(t) ? t->outcome->limits[index] : NULL;
}

size_t bh_waf_environment_count(const struct bh_waf_transaction *t)
{
    return t && t->outcome ? t->outcome->environment_count : 0;
}

enum bh_waf_result bh_waf_environment(const struct bh_waf_transaction *t, size_t index, struct bh_waf_bytes *ret_name, struct bh_waf_bytes *ret_value)
{
    if (index >= bh_waf_environment_count(t) || !ret_name || !ret_value)
        return BH_WAF_MISUSE;
    const struct waf_value *v = &t->outcome->environment[index];
    *ret_name = bytes_told(v->name);
    *ret_value = bytes_told(v->value);
    return BH_WAF_OK;
}

enum bh_waf_result bh_waf_json(struct bh_waf_transaction *t, struct bh_waf_bytes *ret)
{
    if (!t || !ret || !t->outcome)
        return BH_WAF_MISUSE;
    struct outcome_facts facts = {.unique_id = t->options.unique_id, .client = t->options.client, .time = t->options.time};
    if (t->engine)
        facts.scores = waf_scores_of(t->engine);
    if (!t->json.len)
        outcome_json(t->rules->set, t->outcome, &facts, &t->json);
    if (t->json.failed) {
        text_free(&t->json);
        return BH_WAF_NO_MEMORY;
    }
    *ret = (struct bh_waf_bytes){t->json.at, t->json.len};
    return BH_WAF_OK;
}
