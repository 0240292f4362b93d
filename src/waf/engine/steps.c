/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a transaction, step by step: between two of them it holds nothing of the thread that runs it. */
#include "waf/engine/transaction.h"

/* ---- what a transaction cannot be judged without */

bool is_refused(const struct waf_transaction *t)
{
    return t->outcome.decision == WAF_DENY || t->outcome.decision == WAF_DROP || t->outcome.decision == WAF_REDIRECT;
}

void refuse(struct waf_transaction *t, uint8_t phase, int status)
{
    t->outcome.decision = WAF_DENY;
    t->outcome.decided_by = 0;
    t->outcome.phase = phase;
    t->outcome.status = status;
}

bool body_passed(struct waf_transaction *t, uint8_t phase, const char *what, const char *what_of_partial)
{
    const struct waf_settings *s = &t->set->settings;
    bool partial = (phase == 2 ? s->request_body_limit_action : s->response_body_limit_action) == LIMIT_PROCESS_PARTIAL;
    set_text(t, phase == 2 ? VARIABLE_INBOUND_DATA_ERROR : VARIABLE_OUTBOUND_DATA_ERROR, "1");
    limit_passed(t, partial ? what_of_partial : what);
    if (!partial && t->engine == SWITCH_ON)
        refuse(t, phase, 403);
    return partial;
}

static void end_out_of_memory(struct waf_transaction *t)
{
    static const char *const why[] = {"the transaction's memory ran out: what was not judged yet is refused"};
    refuse(t, t->phase, 413);
    t->outcome.limits = why;
    t->outcome.limit_count = 1;
}

static void end_out_of_time(struct waf_transaction *t)
{
    limit_passed(t, "the rules' time ran out: what was not judged yet was not inspected");
    if (t->engine == SWITCH_ON && !is_refused(t))
        refuse(t, t->phase, 403);
}

/* What an expression may have been made to miss. In phase 5 the message has gone its way. */
static void end_undecided(struct waf_transaction *t)
{
    if (t->engine == SWITCH_ON && t->phase != 5 && !t->options.lets_undecided_by && !is_refused(t))
        refuse(t, t->phase, 403);
}

/* What ran out is a decision. */
static void settle(struct waf_transaction *t)
{
    if (t->out_of_time)
        end_out_of_time(t);
    else if (t->out_of_memory)
        end_out_of_memory(t);
    else if (t->undecided)
        end_undecided(t);
}

/* ---- around a step */

static bool goes_on(void *transaction)
{
    return time_is_left(transaction);
}

static uint64_t time_passed(void *transaction)
{
    const struct waf_options *o = &((const struct waf_transaction *)transaction)->options;
    return o->duration(o->argument);
}

static bool is_timed(const struct waf_transaction *t)
{
    return t->options.most_time && t->options.duration;
}

/* The scratch is the thread's. The time that passed since the step before was nobody's. */
static void step_begin(struct waf_transaction *t, struct waf_scratch *scratch, uint8_t phase)
{
    t->phase = phase;
    t->scratch = scratch;
    if (is_timed(t))
        t->time_began = time_passed(t) - t->time_spent;
    regex_scratch_watch(scratch->regex, (struct regex_watch){is_timed(t) ? goes_on : NULL, time_passed, t});
}

static void step_end(struct waf_transaction *t)
{
    if (is_timed(t))
        t->time_spent = time_passed(t) - t->time_began;
    regex_scratch_watch(t->scratch->regex, (struct regex_watch){0});
    t->scratch = NULL;
    settle(t);
}

/* Nothing is looked at any more. */
static bool is_over(const struct waf_transaction *t)
{
    return is_refused(t) || t->engine == SWITCH_OFF || t->out_of_memory;
}

/* ---- the request */

void transaction_request_head(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    step_begin(t, scratch, 1);
    take_request_head(t, m);
    if (!is_over(t))
        evaluate_phase(t, 1);
    step_end(t);
}

void transaction_request_body(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    if (is_over(t))
        return;
    t->phase = 2;
    request_body_take(t, piece, lasts);
    settle(t);
}

void transaction_request_end(struct waf_transaction *t, struct waf_scratch *scratch)
{
    if (is_over(t))
        return;
    step_begin(t, scratch, 2);
    request_body_finish(t);
    if (!is_over(t))
        evaluate_phase(t, 2);
    step_end(t);
}

void transaction_request(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    transaction_request_head(t, scratch, m);
    transaction_request_body(t, m->body, true);
    transaction_request_end(t, scratch);
}

bool transaction_reads_request_body(const struct waf_transaction *t)
{
    return !is_over(t) && request_body_is_read(t);
}

/* ---- the response */

void transaction_response_head(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    if (is_over(t))
        return;
    step_begin(t, scratch, 3);
    take_response_head(t, m);
    if (!is_over(t))
        evaluate_phase(t, 3);
    step_end(t);
}

void transaction_response_body(struct waf_transaction *t, struct bytes piece, bool lasts)
{
    if (is_over(t))
        return;
    t->phase = 4;
    response_body_take(t, piece, lasts);
    settle(t);
}

void transaction_response_end(struct waf_transaction *t, struct waf_scratch *scratch)
{
    if (is_over(t))
        return;
    step_begin(t, scratch, 4);
    if (response_body_finish(t) && !is_over(t))
        evaluate_phase(t, 4);
    step_end(t);
}

void transaction_response(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    transaction_response_head(t, scratch, m);
    transaction_response_body(t, m->body, true);
    transaction_response_end(t, scratch);
}

bool transaction_reads_response_body(const struct waf_transaction *t)
{
    return !is_over(t) && response_body_is_read(t);
}

/* ---- the end */

const struct waf_outcome *transaction_outcome(const struct waf_transaction *t)
{
    return &t->outcome;
}

/* Phase 5 keeps records: it decides nothing over. */
static void run_last_phase(struct waf_transaction *t, struct waf_scratch *scratch)
{
    struct waf_outcome decided = t->outcome;
    step_begin(t, scratch, 5);
    evaluate_phase(t, 5);
    step_end(t);
    if (decided.decision == WAF_PASS)
        return;
    t->outcome.decision = decided.decision;
    t->outcome.status = decided.status;
    t->outcome.phase = decided.phase;
}

const struct waf_outcome *transaction_end(struct waf_transaction *t, struct waf_scratch *scratch)
{
    transaction_release(t);
    if (t->engine != SWITCH_OFF && !t->out_of_memory)
        run_last_phase(t, scratch);
    t->outcome.environment = t->lists[VARIABLE_ENV].items;
    t->outcome.environment_count = t->lists[VARIABLE_ENV].count;
    sanitise_outcome(t);
    settle(t);
    if (t->outcome.decision == WAF_PASS && t->let_by)
        t->outcome.decision = WAF_ALLOW;
    return &t->outcome;
}

void transaction_release(struct waf_transaction *t)
{
    request_body_release(t);
}
