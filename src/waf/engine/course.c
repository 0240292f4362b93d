/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/course.h"

#include "waf/engine/transaction.h"
#include "waf/plan/tests.h"

/* Of values that rules write out: no expression comes near these. */
#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 1000u

struct finding {
    const struct waf_program *program;
    const struct waf_rule_set *set;
    struct arena *arena;
    struct waf_transaction *t; /* in which the rules of the course are run; its TX is what they make of it */
    struct course *course;
    uint64_t *unsure;          /* by known name: rules that are not the course's may have written it */
    uint64_t *respelled;       /* by known name: rules spell it in different cases, and the first that writes it gives it its own */
    uint32_t block;            /* the rule where one begins, which grows; NOTHING: none */
    uint32_t last;             /* the condition that was reached last, in this phase */
    bool out_of_memory;
};

/* ---- what may be written by rules that the course does not know */

/* What begins as the template does, whose rest is known only when a rule runs. */
static void add_names(const struct finding *f, struct waf_template name, uint64_t *set)
{
    const struct known_names *names = &f->program->names;
    const struct waf_part *first = name.count ? &f->set->parts[name.first] : NULL;
    struct bytes prefix = first && !first->macro ? waf_text_bytes(f->set, first->text) : (struct bytes){0};
    for (uint32_t i = 0; i < names->count; i++)
        if (bytes_begin_caseless(names->items[i].text, prefix))
            bits_add(set, i);
}

/* False when memory is out. */
static bool find_respelled(struct finding *f)
{
    size_t count = f->program->names.count;
    struct bytes *spelled = arena_array(f->arena, count, sizeof *spelled);
    f->respelled = arena_array(f->arena, count / 64 + 1, sizeof *f->respelled);
    if (!spelled || !f->respelled)
        return false;
    for (uint32_t i = 0; i < f->set->action_count; i++) {
        const struct waf_action *a = &f->set->actions[i];
        const struct selection *s = &f->program->actions[i];
        if (a->kind != ACTION_SETVAR || a->variable != VARIABLE_TX)
            continue;
        if (s->number == NOTHING)
            add_names(f, a->name, f->respelled);
        else if (spelled[s->number].at && !bytes_equal(spelled[s->number], s->name))
            bits_add(f->respelled, s->number);
        else
            spelled[s->number] = s->name;
    }
    return true;
}

static void be_unsure(struct finding *f, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        bits_add(f->unsure, i);
}

static void be_unsure_of_actions(struct finding *f, struct waf_span actions)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *a = &f->set->actions[i];
        uint32_t number = f->program->actions[i].number;
        if (a->variable != VARIABLE_TX)
            continue;
        if (a->kind == ACTION_SETVAR && number != NOTHING)
            bits_add(f->unsure, number);
        else if (a->kind == ACTION_SETVAR)
            add_names(f, a->name, f->unsure);
        else
            be_unsure(f, 0, f->program->names.count);
    }
}

static void be_unsure_of_rule(struct finding *f, uint32_t rule)
{
    for (uint32_t i = rule; i != NOTHING; i = f->set->rules[i].next) {
        const struct waf_rule *r = &f->set->rules[i];
        if (r->written.capture)
            be_unsure(f, 0, CAPTURES_KNOWN);
        be_unsure_of_actions(f, r->written.actions);
        be_unsure_of_actions(f, f->set->defaults[r->phase].effects.actions);
        for (uint32_t k = 0; k < r->updates.count; k++) {
            const struct waf_effects *e = &f->set->exceptions[f->set->action_updates[r->updates.first + k]].effects;
            be_unsure_of_actions(f, e->actions);
            if (e->capture)
                be_unsure(f, 0, CAPTURES_KNOWN);
        }
    }
}

/* ---- rules of the course */

/* The engine may write these at any time, whatever rules have written. */
static bool is_of_engine(uint32_t number)
{
    return number == KNOWN_MATCH_LIMIT || number == KNOWN_COLLECTION_LIMIT;
}

static bool is_sure(const struct finding *f, uint32_t number)
{
    return number != NOTHING && !is_of_engine(number) && !bits_have(f->unsure, number) && !bits_have(f->respelled, number);
}

static bool knows_template(const struct finding *f, struct waf_template text)
{
    for (uint32_t i = text.first; i < text.first + text.count; i++)
        if (f->set->parts[i].macro && (f->set->parts[i].variable != VARIABLE_TX || !is_sure(f, f->program->parts[i].number)))
            return false;
    return true;
}

static bool knows_action(const struct finding *f, uint32_t action)
{
    const struct waf_action *a = &f->set->actions[action];
    uint32_t number = f->program->actions[action].number;
    if (a->kind == ACTION_SKIP_AFTER)
        return a->jump != NOTHING;
    bool sets = a->kind == ACTION_SETVAR && a->variable == VARIABLE_TX && number != NOTHING && a->operation != SETVAR_UNSET;
    bool reads_itself = a->operation == SETVAR_ADD || a->operation == SETVAR_SUBTRACT;
    return sets && (!reads_itself || is_sure(f, number)) && knows_template(f, a->value);
}

static bool knows_actions(const struct finding *f, struct waf_span actions)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++)
        if (!knows_action(f, i))
            return false;
    return true;
}

static bool knows_targets(const struct finding *f, const struct waf_rule *r)
{
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        if (f->set->targets[i].exclusion || f->set->targets[i].variable != VARIABLE_TX || !is_sure(f, f->program->targets[i].number))
            return false;
    return true;
}

/* Of values that are known it is known whether these match, and they leave nothing behind. */
static bool knows_operator(const struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    switch ((enum operator)r->operator) {
    case OPERATOR_EQ:
    case OPERATOR_GE:
    case OPERATOR_GT:
    case OPERATOR_LE:
    case OPERATOR_LT:
    case OPERATOR_STR_EQ:
    case OPERATOR_WITHIN:
    case OPERATOR_CONTAINS:
    case OPERATOR_BEGINS_WITH:
    case OPERATOR_ENDS_WITH:
        return knows_template(f, r->operand);
    case OPERATOR_RX:
        return f->program->operands[rule].regex && !r->written.capture;
    default:
        return false;
    }
}

static bool reads_known(const struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    return r->kind == RULE_CONDITION && !r->updates.count && !r->written.multi_match && knows_targets(f, r) && knows_operator(f, rule);
}

static bool try_value(struct finding *f, uint32_t rule, struct bytes value, bool *ret)
{
    const struct waf_rule *r = &f->set->rules[rule];
    struct waf_form *form = form_new(&f->t->forms, value);
    struct match ignored;
    bool matched = false;
    if (form)
        form = form_steps(&f->t->forms, form, f->set->transformations + r->transformations.first, r->transformations.count);
    if (!form || !operate(f->t, rule, form->text, &matched, &ignored))
        return false;
    *ret |= matched;
    return true;
}

/* Does one of the values that the rule itself names match, whatever stands behind it in its chain? */
static bool matches(struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    struct waf_values found = {0};
    bool ret = false;
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        f->out_of_memory |= !variables_resolve(f->t, r, i, &found);
    for (size_t i = 0; i < found.count; i++)
        f->out_of_memory |= !try_value(f, rule, found.items[i].value, &ret);
    return ret;
}

/* What the rule does when it matches is known. Of a chain, which may have been begun when it does not, only a jump. */
static bool acts_known(const struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    bool ok = plan_is_unseen(f->set, r);
    for (uint32_t i = rule; ok && i != NOTHING; i = f->set->rules[i].next) {
        const struct waf_effects *e = &f->set->rules[i].written;
        ok = plan_acts_lightly(f->set, e) && knows_actions(f, e->actions) && !f->set->rules[i].updates.count;
        for (uint32_t k = e->actions.first; ok && r->chain && k < e->actions.first + e->actions.count; k++)
            ok = f->set->actions[k].kind == ACTION_SKIP_AFTER;
    }
    return ok;
}

/* Does the rule do the same whatever the message is, and what? */
static enum foreseen know_rule(struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    bool act = acts_known(f, rule);
    if (r->kind == RULE_ACTION)
        return act && !r->chain ? FORESEEN_MATCHES : FORESEEN_NOTHING;
    if (!reads_known(f, rule))
        return FORESEEN_NOTHING;
    if (!matches(f, rule))
        return FORESEEN_FAILS;
    for (uint32_t i = r->next; i != NOTHING && act; i = f->set->rules[i].next) {
        act = reads_known(f, i);
        if (act && !matches(f, i))
            return FORESEEN_FAILS;
    }
    return act ? FORESEEN_MATCHES : FORESEEN_NOTHING;
}

/* The same, but for what comes to a limit on the way. */
static enum foreseen decide_rule(struct finding *f, uint32_t rule)
{
    enum foreseen foreseen = know_rule(f, rule);
    if (!f->t->undecided)
        return foreseen;
    f->t->undecided = false;
    return FORESEEN_NOTHING;
}

static bool take_write(struct finding *f, const struct selection *s)
{
    struct course *c = f->course;
    struct waf_span *block = &c->writes_of[f->block];
    struct bytes value = values_known(&f->t->lists[VARIABLE_TX], s->number)->value;
    f->unsure[s->number / 64] &= ~(UINT64_C(1) << (s->number % 64));
    for (uint32_t i = block->first; i < block->first + block->count; i++)
        if (c->writes[i].known == s->number + 1) {
            c->writes[i].value = value;
            return true;
        }
    struct waf_value *grown = arena_grow(f->arena, c->writes, c->write_count, &c->write_capacity, sizeof *grown);
    if (!grown)
        return false;
    c->writes = grown;
    grown[c->write_count++] = (struct waf_value){.variable = VARIABLE_TX, .hash = s->hash, .known = s->number + 1, .name = s->name, .value = value};
    block->count++;
    return true;
}

/* A block that has begun goes on. */
static void begin_block(struct finding *f, uint32_t rule)
{
    struct course_phase *phase = &f->course->phases[f->t->phase];
    if (f->block != NOTHING)
        return;
    f->block = rule;
    f->course->writes_of[rule] = (struct waf_span){.first = (uint32_t)f->course->write_count};
    bits_add(phase->blocks, rule);
    phase->writes = true;
}

static bool take_writes(struct finding *f, uint32_t rule)
{
    struct waf_span actions = f->set->rules[rule].written.actions;
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        if (f->set->actions[i].kind != ACTION_SETVAR)
            continue;
        begin_block(f, rule);
        if (!take_write(f, &f->program->actions[i]))
            return false;
    }
    return true;
}

/* Those of the simulated transaction that it did not have before the rule. */
static bool keep_matches(struct finding *f, uint32_t rule, size_t before)
{
    struct course *c = f->course;
    struct waf_span *span = &c->matches_of[rule];
    span->first = (uint32_t)c->match_count;
    for (size_t i = before; i < f->t->match_count; i++) {
        struct rule_match *grown = arena_grow(f->arena, c->matches, c->match_count, &c->match_capacity, sizeof *grown);
        if (!grown)
            return false;
        c->matches = grown;
        grown[c->match_count] = f->t->matches[i];
        grown[c->match_count].of.form = grown[c->match_count].of.name_form = NULL; /* which are a transaction's own */
        c->match_count++;
        span->count++;
    }
    if (f->set->rules[rule].kind == RULE_CONDITION)
        bits_add(c->phases[f->t->phase].matches, rule);
    return true;
}

/* False when memory is out. */
static bool go_through(struct finding *f, uint32_t rule)
{
    size_t before = f->t->match_count;
    return start_rule(f->t, rule) && take_writes(f, rule) && keep_matches(f, rule, before);
}

/* One that depends on the message. */
static void leave_open(struct finding *f, uint32_t rule)
{
    struct course_phase *phase = &f->course->phases[f->t->phase];
    f->block = NOTHING;
    if (f->last != NOTHING && bits_have(phase->matches, f->last))
        bits_add(phase->preceded, rule);
    be_unsure_of_rule(f, rule);
}

static void reach(struct finding *f, uint32_t rule)
{
    const struct waf_rule *r = &f->set->rules[rule];
    struct course_phase *phase = &f->course->phases[f->t->phase];
    bits_add(phase->reached, rule);
    if (r->kind == RULE_MARKER || r->phase != f->t->phase || r->head != rule || r->removed)
        return;
    enum foreseen foreseen = decide_rule(f, rule);
    if (foreseen == FORESEEN_NOTHING)
        leave_open(f, rule);
    else
        bits_add(phase->known, rule);
    if (foreseen == FORESEEN_MATCHES && !go_through(f, rule))
        f->out_of_memory = true;
    if (r->kind != RULE_CONDITION)
        return;
    if (foreseen != FORESEEN_MATCHES)
        bits_add(phase->clears, rule);
    f->last = rule;
}

/* ---- jumps of the other rules */

/* May a rule jump from here to there, and all that the course has told stays true? */
static bool passes_nothing(const struct course_phase *phase, size_t words, uint32_t from, uint32_t to)
{
    return to != NOTHING && bits_have(phase->reached, to) && bits_next(phase->blocks, words, from) > to;
}

static bool jump_well(const struct finding *f, const struct course_phase *phase, uint32_t from, struct waf_span actions)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++)
        if (f->set->actions[i].kind == ACTION_SKIP_AFTER && !passes_nothing(phase, f->program->plan->words, from, f->set->actions[i].jump))
            return false;
    return true;
}

static bool rule_jumps_well(const struct finding *f, const struct course_phase *phase, uint32_t rule)
{
    for (uint32_t i = rule; i != NOTHING; i = f->set->rules[i].next) {
        const struct waf_rule *r = &f->set->rules[i];
        if (!jump_well(f, phase, rule, r->written.actions) || !jump_well(f, phase, rule, f->set->defaults[r->phase].effects.actions))
            return false;
        for (uint32_t k = 0; k < r->updates.count; k++)
            if (!jump_well(f, phase, rule, f->set->exceptions[f->set->action_updates[r->updates.first + k]].effects.actions))
                return false;
    }
    return true;
}

/* ---- all */

static void go_through_phase(struct finding *f, uint8_t number)
{
    struct course_phase *phase = &f->course->phases[number];
    f->t->phase = number;
    f->block = f->last = NOTHING;
    for (uint32_t i = 0; i < f->set->rule_count && !f->out_of_memory;) {
        reach(f, i);
        i = f->t->jumping ? f->t->landing : i + 1;
        f->t->jumping = false;
    }
    size_t words = f->program->plan->words;
    for (uint32_t i = bits_next(phase->reached, words, 0); i < f->set->rule_count; i = bits_next(phase->reached, words, i + 1))
        if (rule_jumps_well(f, phase, i))
            bits_add(phase->lands, i);
}

static bool make_sets(struct course_phase *phase, size_t words, struct arena *a)
{
    uint64_t **const sets[] = {&phase->visits, &phase->reached, &phase->known, &phase->blocks, &phase->clears, &phase->matches, &phase->preceded, &phase->lands};
    bool ok = true;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        *sets[i] = arena_array(a, words, sizeof(uint64_t));
        ok = ok && *sets[i];
    }
    return ok;
}

/* False when memory is out. */
static bool go_through_all(struct finding *f)
{
    struct waf_scratch scratch = {.regex = regex_scratch_create(&(struct regex_limits){MATCH_LIMIT, DEPTH_LIMIT})};
    f->t->scratch = &scratch;
    f->out_of_memory = !scratch.regex;
    for (uint8_t phase = 1; phase < WAF_PHASES && !f->out_of_memory; phase++) {
        f->out_of_memory = !make_sets(&f->course->phases[phase], f->program->plan->words, f->arena);
        if (!f->out_of_memory)
            go_through_phase(f, phase);
    }
    regex_scratch_free(scratch.regex);
    return !f->out_of_memory;
}

struct course *course_find(const struct waf_program *p, struct arena *a)
{
    struct waf_options nothing;
    memset(&nothing, 0, sizeof nothing);
    struct finding f = {.program = p, .set = p->set, .arena = a, .t = transaction_begin(p, a, &nothing), .course = arena_alloc(a, sizeof *f.course)};
    f.unsure = arena_array(a, p->names.count / 64 + 1, sizeof *f.unsure);
    if (!f.t || !f.course || !f.unsure || !find_respelled(&f))
        return NULL;
    f.course->writes_of = arena_array(a, p->set->rule_count, sizeof *f.course->writes_of);
    f.course->matches_of = arena_array(a, p->set->rule_count, sizeof *f.course->matches_of);
    return f.course->writes_of && f.course->matches_of && go_through_all(&f) ? f.course : NULL;
}

void course_settle(struct course *c, const struct waf_plan *plan)
{
    for (size_t phase = 1; phase < WAF_PHASES; phase++) {
        struct course_phase *p = &c->phases[phase];
        for (size_t i = 0; i < plan->words; i++)
            p->visits[i] = (plan->visits[phase][i] & p->reached[i] & ~p->known[i]) | p->blocks[i];
    }
}
