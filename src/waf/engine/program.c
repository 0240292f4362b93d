/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/program.h"

#include "waf/engine/course.h"
#include "waf/engine/naming.h"
#include "waf/language/names.h"

/* Where a rule set does not say: as many calls as Debian's recommended configuration lets through a thousand times over. */
#define MATCH_LIMIT 1000000u
/*
 * A rule set may ask for less, and nginx's base configuration asks for 1,000; but a value that comes to its limit gets by,
 * and 1,000 is soon reached. libmodsecurity 3.0.9 does not ask for it in @rx at all. Time has a limit of its own
 * (docs/decisions/017).
 */
#define MATCH_LIMIT_LEAST 100000u
#define DEPTH_LIMIT 10000u

struct compiling {
    struct waf_program *program;
    struct arena *arena;
    struct program_errors *errors;
    bool out_of_memory;
};

static bool complain_of(struct compiling *c, uint32_t rule, const char *message)
{
    struct program_error *grown = message ? arena_grow(c->arena, c->errors->items, c->errors->count, &c->errors->capacity, sizeof *grown) : NULL;
    if (!grown) {
        c->out_of_memory = true;
        return false;
    }
    c->errors->items = grown;
    grown[c->errors->count++] = (struct program_error){rule, message};
    return true;
}

static void complain_of_regex(struct compiling *c, uint32_t rule, const char *what, const struct regex_error *e)
{
    complain_of(c, rule, arena_format(c->arena, "the %s does not compile at byte %zu: %s", what, e->offset, e->text));
}

static struct bytes operand_text(const struct waf_rule_set *set, const struct waf_rule *r)
{
    return waf_text_bytes(set, r->operand_text);
}

static void compile_regex(struct compiling *c, uint32_t rule)
{
    const struct waf_rule_set *set = c->program->set;
    struct regex_error e;
    if (set->rules[rule].operand_macros)
        return;
    c->program->operands[rule].regex = compiled_regex(c->program->compiled, operand_text(set, &set->rules[rule]), false, &e);
    if (!c->program->operands[rule].regex)
        complain_of_regex(c, rule, "regular expression", &e);
}

/* The texts of the files that a rule names, one after another. */
static bool gather_data(struct compiling *c, const struct waf_rule *r, struct bytes *ret)
{
    const struct waf_rule_set *set = c->program->set;
    size_t len = 0;
    for (uint32_t i = 0; i < r->data.count; i++)
        len += (size_t)set->data[set->data_uses[r->data.first + i]].content.len + 1;
    uint8_t *all = arena_alloc(c->arena, len);
    if (!all) {
        c->out_of_memory = true;
        return false;
    }
    *ret = bytes_of(all, len);
    for (uint32_t i = 0; i < r->data.count; i++) {
        struct bytes text = waf_text_bytes(set, set->data[set->data_uses[r->data.first + i]].content);
        if (text.len)
            memcpy(all, text.at, text.len);
        all += text.len;
        *all++ = '\n';
    }
    return true;
}

static void compile_phrases(struct compiling *c, uint32_t rule, bool from_file)
{
    const struct waf_rule *r = &c->program->set->rules[rule];
    struct phrases *p = &c->program->operands[rule].phrases;
    struct bytes text = operand_text(c->program->set, r);
    if (from_file && !gather_data(c, r, &text))
        return;
    enum phrases_result result = from_file ? phrases_of_lines(text, c->program->compiled, c->arena, p) : phrases_of_words(text, c->program->compiled, c->arena, p);
    if (result == PHRASES_MEMORY)
        c->out_of_memory = true;
    else if (result == PHRASES_TOO_MANY)
        complain_of(c, rule, "these phrases are more, or longer, than Hyperscan takes");
    else if (result == PHRASES_UNSOUND)
        complain_of(c, rule, "the libhs that is installed misses phrases on this processor, as Vectorscan 5.4.9 does; install libhyperscan5 in its place");
}

static void compile_addresses(struct compiling *c, uint32_t rule, bool from_file)
{
    const struct waf_rule *r = &c->program->set->rules[rule];
    struct bytes text = operand_text(c->program->set, r), wrong;
    if (from_file && !gather_data(c, r, &text))
        return;
    enum address_list_result result = address_list_parse(text, c->arena, &c->program->operands[rule].addresses, &wrong);
    if (result == ADDRESS_LIST_MEMORY)
        c->out_of_memory = true;
    else if (result == ADDRESS_LIST_WRONG)
        complain_of(c, rule, arena_format(c->arena, "`%.*s` is neither an address nor a prefix", wrong.len > 60 ? 60 : (int)wrong.len, (const char *)wrong.at));
}

static void compile_byte_set(struct compiling *c, uint32_t rule)
{
    struct bytes wrong;
    if (!byte_set_parse(operand_text(c->program->set, &c->program->set->rules[rule]), &c->program->operands[rule].bytes, &wrong))
        complain_of(c, rule, arena_format(c->arena, "`%.*s` is no byte from 0 to 255, nor a range of them such as 32-126", wrong.len > 60 ? 60 : (int)wrong.len,
            wrong.len ? (const char *)wrong.at : ""));
}

static void compile_operand(struct compiling *c, uint32_t rule)
{
    switch ((enum operator)c->program->set->rules[rule].operator) {
    case OPERATOR_RX:
    case OPERATOR_RX_GLOBAL:
    case OPERATOR_VERIFY_CC:
    case OPERATOR_VERIFY_CPF:
    case OPERATOR_VERIFY_SSN:
    case OPERATOR_VERIFY_SVNR:
        compile_regex(c, rule);
        break;
    case OPERATOR_PM:
        compile_phrases(c, rule, false);
        break;
    case OPERATOR_PM_FROM_FILE:
        compile_phrases(c, rule, true);
        break;
    case OPERATOR_IP_MATCH:
        compile_addresses(c, rule, false);
        break;
    case OPERATOR_IP_MATCH_FROM_FILE:
        compile_addresses(c, rule, true);
        break;
    case OPERATOR_VALIDATE_BYTE_RANGE:
        compile_byte_set(c, rule);
        break;
    default:
        break;
    }
}

/* Which of the known names the expression selects. */
static uint64_t *select_known(struct compiling *c, const struct regex *r, struct regex_scratch *scratch)
{
    const struct known_names *k = &c->program->names;
    uint64_t *ret = arena_array(c->arena, k->count / 64 + 1, sizeof *ret);
    for (uint32_t i = 0; ret && i < k->count; i++) {
        enum regex_result result = regex_match(r, scratch, k->items[i].text, NULL, NULL);
        if (result == REGEX_YES)
            bits_add(ret, i);
    }
    return ret;
}

/* Selectors were compiled once when the rules were checked, so that what fails now is memory. */
static struct selection select_names(struct compiling *c, struct regex_scratch *scratch, uint8_t variable, uint8_t kind, struct waf_text text)
{
    struct regex_error e;
    struct bytes name = waf_text_bytes(c->program->set, text);
    struct selection ret = {.kind = kind, .number = NOTHING};
    if (kind == SELECTOR_LITERAL) {
        ret.name = name;
        ret.hash = name_hash(name);
        if (variable == VARIABLE_TX)
            ret.number = known_names_find(&c->program->names, name, ret.hash);
    }
    if (kind != SELECTOR_REGEX)
        return ret;
    ret.regex = compiled_regex(c->program->compiled, name, true, &e);
    if (ret.regex && variable == VARIABLE_TX)
        ret.known = select_known(c, ret.regex, scratch);
    if (!ret.regex || (variable == VARIABLE_TX && !ret.known))
        c->out_of_memory = true;
    return ret;
}

static struct selection select_of_action(struct compiling *c, struct regex_scratch *scratch, const struct waf_action *w)
{
    const struct waf_rule_set *set = c->program->set;
    if (w->kind != ACTION_SETVAR)
        return select_names(c, scratch, w->target.variable, w->target.selector, w->target.text);
    if (!waf_template_is_literal(set, w->name))
        return (struct selection){.kind = SELECTOR_NONE, .number = NOTHING};
    return select_names(c, scratch, w->variable, SELECTOR_LITERAL, w->name.count ? set->parts[w->name.first].text : (struct waf_text){0});
}

static void compile_selections(struct compiling *c)
{
    struct waf_program *p = c->program;
    const struct waf_rule_set *set = p->set;
    struct regex_scratch *scratch = regex_scratch_create(&(struct regex_limits){MATCH_LIMIT, DEPTH_LIMIT});
    if (!scratch || !known_names_gather(set, c->arena, &p->names)) {
        regex_scratch_free(scratch);
        c->out_of_memory = true;
        return;
    }
    for (uint32_t i = 0; i < set->target_count; i++)
        p->targets[i] = select_names(c, scratch, set->targets[i].variable, set->targets[i].selector, set->targets[i].text);
    for (uint32_t i = 0; i < set->part_count; i++)
        p->parts[i] = set->parts[i].macro ? select_names(c, scratch, set->parts[i].variable, set->parts[i].selector, set->parts[i].text)
                                          : (struct selection){.number = NOTHING, .name = waf_text_bytes(set, set->parts[i].text)};
    for (uint32_t i = 0; i < set->action_count; i++)
        p->actions[i] = select_of_action(c, scratch, &set->actions[i]);
    regex_scratch_free(scratch);
    c->out_of_memory |= !prepared_make(set, p->targets, p->actions, c->arena, &p->prepared);
}

bool program_compile_from(const struct waf_rule_set *set, struct compiled *known, struct arena *a, struct waf_program *ret, struct program_errors *ret_errors)
{
    struct compiling c = {.program = ret, .arena = a, .errors = ret_errors};
    *ret_errors = (struct program_errors){0};
    *ret = (struct waf_program){
        .set = set,
        .named = named_gather(set),
        .operands = arena_array(a, set->rule_count, sizeof *ret->operands),
        .targets = arena_array(a, set->target_count, sizeof *ret->targets),
        .parts = arena_array(a, set->part_count, sizeof *ret->parts),
        .actions = arena_array(a, set->action_count, sizeof *ret->actions),
        .compiled = known,
    };
    if (!ret->operands || !ret->targets || !ret->parts || !ret->actions) {
        *ret = (struct waf_program){0};
        return false;
    }
    for (uint32_t i = 0; i < set->rule_count && !c.out_of_memory; i++)
        if (set->rules[i].kind == RULE_CONDITION)
            compile_operand(&c, i);
    if (!c.out_of_memory)
        compile_selections(&c);
    if (!c.out_of_memory && set->settings.unicode_map.len)
        c.out_of_memory = !unicode_map_parse(waf_text_bytes(set, set->settings.unicode_map), (uint32_t)set->settings.unicode_code_page, a, &ret->unicode);
    if (!c.out_of_memory && !ret_errors->count)
        return true;
    *ret = (struct waf_program){0};
    return false;
}

bool program_plan(struct waf_program *p, struct arena *a)
{
    const struct phrases **phrases = arena_array(a, p->set->rule_count, sizeof *phrases);
    if (!phrases)
        return false;
    for (uint32_t i = 0; i < p->set->rule_count; i++)
        phrases[i] = &p->operands[i].phrases;
    p->plan = plan_begin(p->set, a);
    struct course *course = p->plan ? course_find(p, a) : NULL;
    const uint64_t *reached[WAF_PHASES] = {0};
    for (size_t phase = 1; course && phase < WAF_PHASES; phase++)
        reached[phase] = course->phases[phase].reached;
    if (!course || !plan_compile(p->plan, p->set, phrases, reached, p->compiled, a))
        return false;
    course_settle(course, p->plan);
    p->course = course;
    p->namings = namings_find(p, a);
    return p->namings;
}

void program_warm(const struct waf_program *p)
{
    compiled_warm(p->compiled);
}

static uint32_t limit_of(uint64_t given, uint32_t otherwise)
{
    return given == 0 ? otherwise : given > UINT32_MAX ? UINT32_MAX : (uint32_t)given;
}

bool scratch_create(const struct waf_program *p, struct waf_scratch *ret)
{
    uint32_t match = limit_of(p->set->settings.pcre_match_limit, MATCH_LIMIT), depth = limit_of(p->set->settings.pcre_match_limit_recursion, DEPTH_LIMIT);
    struct regex_limits limits = {match < MATCH_LIMIT_LEAST ? MATCH_LIMIT_LEAST : match, depth < DEPTH_LIMIT ? DEPTH_LIMIT : depth};
    *ret = (struct waf_scratch){.regex = regex_scratch_create(&limits)};
    bool ok = ret->regex && compiled_scratch(p->compiled, &ret->scan);
    if (!ok)
        scratch_free(ret);
    return ok;
}

void scratch_free(struct waf_scratch *s)
{
    regex_scratch_free(s->regex);
    hs_free_scratch(s->scan);
    *s = (struct waf_scratch){0};
}
