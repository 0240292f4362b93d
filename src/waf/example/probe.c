/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/probe.h"

/* A text that the set has, for a rule that has no message: an action without one is no event. */
static struct waf_template any_text(const struct waf_rule_set *set)
{
    for (uint32_t i = 0; i < set->part_count; i++)
        if (!set->parts[i].macro && set->parts[i].text.len)
            return (struct waf_template){i, 1};
    return (struct waf_template){0};
}

bool probe_open(const struct waf_program *p, uint32_t rule, struct arena *a, struct probe *ret)
{
    struct waf_rule *rules = arena_array(a, p->set->rule_count, sizeof *rules);
    if (!rules)
        return false;
    memcpy(rules, p->set->rules, p->set->rule_count * sizeof *rules);
    for (uint32_t r = rule; r != NOTHING; r = rules[r].next)
        rules[r].written.log = YES;
    if (rules[rule].kind == RULE_ACTION && !rules[rule].written.has_msg) {
        rules[rule].written.has_msg = true;
        rules[rule].written.msg = any_text(p->set);
    }
    *ret = (struct probe){.program = *p, .set = *p->set, .rule = rule};
    ret->set.rules = rules;
    return prepared_make(&ret->set, p->targets, p->actions, a, &ret->program.prepared); /* what was known of these rules was of the others */
}

static bool keep_others(const struct probe *p, const struct waf_outcome *o, struct arena *a, struct example *ret)
{
    ret->also_count = 0;
    ret->also = arena_array(a, o->event_count, sizeof *ret->also);
    for (size_t i = 0; ret->also && i < o->event_count; i++) {
        int64_t id = p->set.rules[o->events[i].rule].id;
        if (o->events[i].rule != p->rule && id)
            ret->also[ret->also_count++] = id;
    }
    return ret->also != NULL;
}

static bool take_outcome(const struct probe *p, const struct waf_outcome *o, struct arena *a, struct example *ret)
{
    ret->found = false;
    for (size_t i = 0; i < o->event_count; i++) {
        const struct waf_event *e = &o->events[i];
        if (e->rule != p->rule)
            continue;
        ret->found = true;
        ret->decision = o->decision;
        ret->status = o->status;
        ret->variable = (struct bytes){0};
        if (!e->matched_count)
            return keep_others(p, o, a, ret);
        ret->variable = bytes_of(arena_text(a, e->matched[0].variable.at, e->matched[0].variable.len), e->matched[0].variable.len);
        return ret->variable.at && keep_others(p, o, a, ret);
    }
    return true;
}

/* As all who use the engine: a message that is no HTTP fires nothing. */
static bool run(const struct probe *p, const struct example_search *s, struct arena *inner, struct arena *a, struct example *ret)
{
    struct http_message request, response;
    const char *error;
    struct waf_options options = *s->options;
    options.client = ret->client;
    ret->found = false;
    if (!http_request_read(ret->request, inner, &request, &error) || (ret->response.len && !http_response_read(ret->response, inner, &response, &error)))
        return true;
    struct waf_transaction *t = transaction_begin(&p->program, inner, &options);
    if (!t)
        return false;
    transaction_request(t, s->scratch, &request);
    if (ret->response.len)
        transaction_response(t, s->scratch, &response);
    return take_outcome(p, transaction_end(t, s->scratch), a, ret);
}

bool probe_run(const struct probe *p, const struct example_search *s, struct arena *a, struct example *ret)
{
    struct probe here = *p; /* its program refers to its own set, wherever it stands */
    struct arena *inner = arena_child(a);
    here.program.set = &here.set;
    bool ok = inner && run(&here, s, inner, a, ret);
    arena_destroy(inner);
    ret->runs++;
    return ok;
}
