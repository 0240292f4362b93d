/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checked condition is worth, at a second or all through a span of time. Knows values, the calendar and the
 * facts; trusts the checker for types. Work is counted in steps and memory is a fixed piece of the stack: what exceeds
 * either is unknown, everywhere in the same way. PCRE2 is wrapped here.
 */
#include "policy/condition_tree.h"

#include "policy/calendar.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define PATTERN_LENGTH_MAX 2048
#define WORKSPACE_SIZE 1000  /* ints: about 160 simultaneous states of the automaton */

static const struct value unknown = {.kind = VALUE_UNKNOWN};

/* Takes `n` steps; false when they are not there, and then the whole evaluation is unknown. */
static bool spend(struct evaluation *e, size_t n)
{
    if (n > e->steps) {
        e->exhausted = true;
        e->steps = 0;
        return false;
    }
    e->steps -= (uint32_t)n;
    return true;
}

/* Where the cost depends on what is vague, nothing can be said of the whole. */
static struct value give_up(struct evaluation *e)
{
    (void)spend(e, SIZE_MAX);
    return any;
}

static void *make(struct evaluation *e, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    void *at = NULL;
    if (e->arena) {
        at = arena_alloc(e->arena, size);
        e->no_memory = e->no_memory || !at;
    } else if (size <= EVALUATION_SCRATCH - e->used) {
        at = e->scratch + e->used;
        e->used += size;
    }
    return at;
}

/* ---- the calendar ---- */

static int64_t date_field(int64_t days, enum field field)
{
    struct date d = date_of_days(days);
    switch (field) {
    case FIELD_YEAR: return d.year;
    case FIELD_MONTH: return d.month;
    case FIELD_MONTH_ZERO: return d.month - 1;
    case FIELD_DAY: return d.day;
    case FIELD_DAY_ZERO: return d.day - 1;
    case FIELD_YEARDAY: return d.yearday;
    default: return weekday_of_days(days);
    }
}

/* `local`: seconds since 1970 in local time. */
static int64_t time_field(int64_t local, enum field field)
{
    int64_t days = floor_divide(local, DAY_SECONDS), second = floor_modulo(local, DAY_SECONDS);
    switch (field) {
    case FIELD_HOUR: return second / 3600;
    case FIELD_MINUTE: return second / 60 % 60;
    case FIELD_SECOND: return second % 60;
    default: return date_field(days, field);
    }
}

static struct value of_timestamp(wide nanoseconds)
{
    if (nanoseconds < (wide)TIMESTAMP_FIRST * NANOSECONDS || nanoseconds >= ((wide)TIMESTAMP_LAST + 1) * NANOSECONDS)
        return unknown;
    int64_t rest = (int64_t)(nanoseconds % NANOSECONDS), seconds = (int64_t)(nanoseconds / NANOSECONDS);
    if (rest < 0) {
        rest += NANOSECONDS;
        seconds--;
    }
    return (struct value){.kind = VALUE_TIMESTAMP, .integer = seconds, .nanoseconds = (uint32_t)rest};
}

static struct value of_duration(wide nanoseconds)
{
    if (nanoseconds < INT64_MIN || nanoseconds > INT64_MAX)
        return unknown;
    return (struct value){.kind = VALUE_DURATION, .integer = (int64_t)nanoseconds};
}

/* ---- comparison ---- */

static int order_bytes(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* -1, 0, 1, or 2 where neither is less nor equal (not a number). Code points order like the bytes of UTF-8. */
static int order(const struct value *a, const struct value *b)
{
    int o;
    switch (a->kind) {
    case VALUE_BOOL: return a->boolean - b->boolean;
    case VALUE_INT:
    case VALUE_DURATION: return (a->integer > b->integer) - (a->integer < b->integer);
    case VALUE_UINT: return (a->natural > b->natural) - (a->natural < b->natural);
    case VALUE_DOUBLE: return a->real < b->real ? -1 : a->real > b->real ? 1 : a->real == b->real ? 0 : 2;
    case VALUE_STRING:
        o = order_bytes(a->string, b->string);
        return (o > 0) - (o < 0);
    case VALUE_TIMESTAMP:
        o = (a->integer > b->integer) - (a->integer < b->integer);
        return o ? o : (a->nanoseconds > b->nanoseconds) - (a->nanoseconds < b->nanoseconds);
    default: return 2;
    }
}

static bool equal(struct evaluation *e, const struct value *a, const struct value *b)
{
    if (!spend(e, 1 + (a->kind == VALUE_STRING ? a->string.len / 64 : 0)))
        return false;
    if (a->kind != VALUE_LIST || b->kind != VALUE_LIST)
        return a->kind == b->kind && order(a, b) == 0;
    if (a->list.count != b->list.count)
        return false;
    for (size_t i = 0; i < a->list.count; i++)
        if (!equal(e, &a->list.items[i], &b->list.items[i]))
            return false;
    return true;
}

static struct value in_list(struct evaluation *e, const struct value *needle, const struct value *list)
{
    for (size_t i = 0; i < list->list.count; i++)
        if (equal(e, needle, &list->list.items[i]))
            return of_bool(true);
    return of_bool(false);
}

static struct value compare(struct evaluation *e, enum operation operation, const struct value *a, const struct value *b)
{
    if (operation == OPERATION_EQUAL || operation == OPERATION_UNEQUAL)
        return of_bool(equal(e, a, b) == (operation == OPERATION_EQUAL));
    if (operation == OPERATION_IN)
        return in_list(e, a, b);
    if (!spend(e, a->kind == VALUE_STRING ? a->string.len / 64 : 0))
        return unknown;
    int o = order(a, b);
    switch (operation) {
    case OPERATION_LESS: return of_bool(o == -1);
    case OPERATION_LESS_EQUAL: return of_bool(o == -1 || o == 0);
    case OPERATION_GREATER: return of_bool(o == 1);
    default: return of_bool(o == 1 || o == 0);
    }
}

/* ---- arithmetic ---- */

static struct value integer_arithmetic(enum operation operation, int64_t a, int64_t b)
{
    int64_t r;
    bool divides = b != 0 && !(a == INT64_MIN && b == -1);
    switch (operation) {
    case OPERATION_ADD: return __builtin_add_overflow(a, b, &r) ? unknown : of_int(r);
    case OPERATION_SUBTRACT: return __builtin_sub_overflow(a, b, &r) ? unknown : of_int(r);
    case OPERATION_MULTIPLY: return __builtin_mul_overflow(a, b, &r) ? unknown : of_int(r);
    case OPERATION_DIVIDE: return divides ? of_int(a / b) : unknown;
    default: return divides ? of_int(a % b) : unknown;
    }
}

static struct value natural_arithmetic(enum operation operation, uint64_t a, uint64_t b)
{
    uint64_t r = 0;
    bool ok = false;
    switch (operation) {
    case OPERATION_ADD: ok = !__builtin_add_overflow(a, b, &r); break;
    case OPERATION_SUBTRACT: ok = !__builtin_sub_overflow(a, b, &r); break;
    case OPERATION_MULTIPLY: ok = !__builtin_mul_overflow(a, b, &r); break;
    default:
        if ((ok = b != 0))
            r = operation == OPERATION_DIVIDE ? a / b : a % b;
    }
    return ok ? (struct value){.kind = VALUE_UINT, .natural = r} : unknown;
}

/* IEEE 754, as CEL has it: division by zero is an infinity or not a number. */
__attribute__((no_sanitize("float-divide-by-zero"))) static struct value real_arithmetic(enum operation operation, double a, double b)
{
    double r = operation == OPERATION_ADD        ? a + b
               : operation == OPERATION_SUBTRACT ? a - b
               : operation == OPERATION_MULTIPLY ? a * b
                                                 : a / b;
    return (struct value){.kind = VALUE_DOUBLE, .real = r};
}

static struct value time_arithmetic(enum operation operation, const struct value *a, const struct value *b)
{
    wide r = operation == OPERATION_ADD ? nanoseconds_of(a) + nanoseconds_of(b) : nanoseconds_of(a) - nanoseconds_of(b);
    return (a->kind == VALUE_TIMESTAMP) != (b->kind == VALUE_TIMESTAMP) ? of_timestamp(r) : of_duration(r);
}

/* Strings one behind the other, or lists. */
static struct value concatenate(struct evaluation *e, const struct value *a, const struct value *b)
{
    bool string = a->kind == VALUE_STRING;
    size_t unit = string ? 1 : sizeof(struct value);
    size_t first = string ? a->string.len : a->list.count, second = string ? b->string.len : b->list.count;
    if (!spend(e, (first + second) / (string ? 64 : 1)))
        return unknown;
    uint8_t *at = make(e, (first + second) * unit);
    if (!at)
        return unknown;
    if (first)
        memcpy(at, string ? (const void *)a->string.at : a->list.items, first * unit);
    if (second)
        memcpy(at + first * unit, string ? (const void *)b->string.at : b->list.items, second * unit);
    if (string)
        return (struct value){.kind = VALUE_STRING, .string = bytes_of(at, first + second)};
    return (struct value){.kind = VALUE_LIST, .list = {.items = (const struct value *)(const void *)at, .count = first + second}};
}

static struct value arithmetic(struct evaluation *e, enum operation operation, const struct value *a, const struct value *b)
{
    switch (a->kind) {
    case VALUE_INT: return integer_arithmetic(operation, a->integer, b->integer);
    case VALUE_UINT: return natural_arithmetic(operation, a->natural, b->natural);
    case VALUE_DOUBLE: return real_arithmetic(operation, a->real, b->real);
    case VALUE_TIMESTAMP:
    case VALUE_DURATION: return time_arithmetic(operation, a, b);
    case VALUE_STRING:
    case VALUE_LIST: return concatenate(e, a, b);
    default: return unknown;
    }
}

static struct value negate(const struct value *v)
{
    if (v->kind == VALUE_DOUBLE)
        return (struct value){.kind = VALUE_DOUBLE, .real = -v->real};
    return integer_arithmetic(OPERATION_SUBTRACT, 0, v->integer);
}

/* ---- patterns ---- */

struct pattern {
    pcre2_code *code;
    size_t cost; /* steps a byte of the subject */
};

static void *arena_malloc(size_t size, void *arena)
{
    return arena_alloc(arena, size);
}
static void *scratch_malloc(size_t size, void *evaluation)
{
    return make(evaluation, size);
}
static void nothing_free(void *at, void *data)
{
    (void)at;
    (void)data;
}

/* What follows `(?` in RE2: a group without capture, a name, or flags. */
static bool group_is_re2(struct bytes text, size_t at)
{
    if (bytes_slice(text, at, 1).len == 0)
        return false;
    uint8_t c = text.at[at], second = at + 1 < text.len ? text.at[at + 1] : 0;
    if (c == ':' || (c == 'P' && second == '<'))
        return true;
    if (c == '<')
        return second != '=' && second != '!';
    while (at < text.len && strchr("imsU-", text.at[at]) && text.at[at])
        at++;
    return at < text.len && (text.at[at] == ':' || text.at[at] == ')');
}

/* Why a pattern is not RE2's, or NULL: what PCRE2 has beyond it is not linear, or means something else. */
static const char *beyond_re2(struct bytes text)
{
    bool class = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i], next = i + 1 < text.len ? text.at[i + 1] : 0;
        if (c == '\\') {
            bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9');
            if (letter && !strchr("dDwWsSbBAzaftnrvxpP", next))
                return "an escape that RE2 does not have";
            i++;
        } else if (class) {
            class = c != ']';
        } else if (c == '[') {
            class = true;
            i += next == '^';
            i += i + 1 < text.len && text.at[i + 1] == ']';
        } else if (c == '(' && next == '*') {
            return "a `(*` that RE2 does not have";
        } else if (c == '(' && next == '?' && !group_is_re2(text, i + 2)) {
            return "a group that RE2 does not have";
        } else if ((c == '*' || c == '+' || c == '?' || c == '}') && next == '+') {
            return "a repetition of a repetition";
        }
    }
    return NULL;
}

struct pattern *pattern_compile(struct bytes text, struct arena *arena, char *error, size_t error_size)
{
    error[0] = 0;
    const char *beyond = beyond_re2(text);
    if (beyond || text.len > PATTERN_LENGTH_MAX) {
        (void)snprintf(error, error_size, "%s", beyond ? beyond : "it is too long");
        return NULL;
    }
    static const char before[] = "(?s:.*)(?:", after[] = ")";
    size_t len = sizeof before - 1 + text.len + sizeof after - 1;
    uint8_t *whole = arena_alloc(arena, len + 1);
    struct pattern *p = arena_alloc(arena, sizeof *p);
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, nothing_free, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!whole || !p || !context)
        return NULL;
    memcpy(whole, before, sizeof before - 1);
    if (text.len)
        memcpy(whole + sizeof before - 1, text.at, text.len);
    memcpy(whole + sizeof before - 1 + text.len, after, sizeof after - 1);
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;
    /*
     * First alone, so that it is a pattern by itself; then anchored behind ".*": the automaton goes over the
     * subject once, where a search would start anew at every byte.
     */
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *alone = pcre2_compile(text.len ? text.at : (const uint8_t *)"", text.len, options, &code, &at, context);
    if (alone)
        p->code = pcre2_compile(whole, len, options | PCRE2_ANCHORED, &code, &at, context);
    size_t size = 0;
    if (p->code && pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &size) == 0) {
        p->cost = 1 + size / 64;
        return p;
    }
    if (code != PCRE2_ERROR_HEAP_FAILED && pcre2_get_error_message(code, (PCRE2_UCHAR *)error, error_size) < 0)
        error[error_size - 1] = 0;
    return NULL;
}

static struct value match(struct evaluation *e, const struct pattern *p, struct bytes subject)
{
    if (!p || !spend(e, (subject.len + 1) * p->cost))
        return unknown;
    size_t mark = e->used;
    int workspace[WORKSPACE_SIZE], result = PCRE2_ERROR_NOMEMORY;
    pcre2_general_context *general = pcre2_general_context_create(scratch_malloc, nothing_free, e);
    pcre2_match_context *context = general ? pcre2_match_context_create(general) : NULL;
    pcre2_match_data *data = context ? pcre2_match_data_create(1, general) : NULL;
    if (data) {
        (void)pcre2_set_match_limit(context, 10000);
        (void)pcre2_set_heap_limit(context, 16); /* KiB */
        result = pcre2_dfa_match(p->code, subject.len ? subject.at : (const uint8_t *)"", subject.len, 0, PCRE2_DFA_SHORTEST,
                                 data, context, workspace, WORKSPACE_SIZE);
    }
    e->used = mark;
    if (result >= 0)
        return of_bool(true);
    return result == PCRE2_ERROR_NOMATCH ? of_bool(false) : unknown;
}

/* ---- functions ---- */

static int64_t count_characters(struct bytes s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += (s.at[i] & 0xc0) != 0x80;
    return n;
}

/* In local time, by the offset that holds at the timestamp itself. */
static struct value field_of(const struct evaluation *e, const struct node *n, const struct value *timestamp)
{
    const struct zone *zone = e->facts ? e->facts->zone : NULL;
    if (!(e->exact >> field_level(n->field) & 1) && !n->items[0]->constant)
        return range_of_field(n->field);
    return of_int(time_field(timestamp->integer + zone_offset(zone, timestamp->integer), n->field));
}

/* From one second to another: exact within the unit that the field counts in. */
static struct value field_within(const struct evaluation *e, enum field field, int64_t first, int64_t last)
{
    enum level level = field_level(field);
    int64_t unit = level == LEVEL_SECOND ? 60 : level == LEVEL_MINUTE ? 3600 : DAY_SECONDS;
    if (zone_next_change(e->facts->zone, first) <= last)
        return range_of_field(field);
    first += zone_offset(e->facts->zone, first);
    last += zone_offset(e->facts->zone, last);
    if (floor_divide(first, unit) == floor_divide(last, unit))
        return of_range(time_field(first, field), time_field(last, field));
    return range_of_field(field);
}

static struct value call_string(struct evaluation *e, const struct node *n, struct bytes a, struct bytes b)
{
    if (!spend(e, (a.len + b.len) / 16))
        return unknown;
    switch (n->function) {
    case FUNCTION_STARTS_WITH: return of_bool(a.len >= b.len && bytes_equal(bytes_slice(a, 0, b.len), b));
    case FUNCTION_ENDS_WITH: return of_bool(a.len >= b.len && bytes_equal(bytes_slice(a, a.len - b.len, b.len), b));
    case FUNCTION_CONTAINS: return of_bool(b.len == 0 || (a.len && memmem(a.at, a.len, b.at, b.len)));
    default: return match(e, n->pattern, a);
    }
}

static struct value call(struct evaluation *e, const struct node *n, const struct value *a, const struct value *b)
{
    struct value v;
    switch (n->function) {
    case FUNCTION_SIZE:
        if (a->kind == VALUE_LIST)
            return of_int((int64_t)a->list.count);
        return spend(e, a->string.len / 16) ? of_int(count_characters(a->string)) : unknown;
    case FUNCTION_TIMESTAMP: return timestamp_parse(a->string, &v) ? v : unknown;
    case FUNCTION_DURATION: return duration_parse(a->string, &v) ? v : unknown;
    case FUNCTION_FIELD: return field_of(e, n, a);
    case FUNCTION_HOURS: return of_int(a->integer / (3600 * NANOSECONDS));
    case FUNCTION_MINUTES: return of_int(a->integer / (60 * NANOSECONDS));
    case FUNCTION_SECONDS: return of_int(a->integer / NANOSECONDS);
    case FUNCTION_NONE: return unknown;
    default: return call_string(e, n, a->string, b->string);
    }
}

/* ---- the tree ---- */

static struct value evaluate(struct evaluation *e, const struct node *n);

/* One more operand of && or ||: one that decides absorbs unknown ones, on whatever side they stand. True: it decides. */
static bool join(struct value *result, const struct value *v, bool decisive)
{
    bool decides = v->kind == VALUE_BOOL && v->boolean == decisive;
    if (decides || v->kind == VALUE_ANY || (v->kind == VALUE_UNKNOWN && result->kind != VALUE_ANY))
        *result = *v;
    return decides;
}

static struct value evaluate_logic(struct evaluation *e, const struct node *n)
{
    bool decisive = n->kind == NODE_OR, decided = false;
    struct value result = of_bool(!decisive);
    for (uint32_t i = 0; i < n->count && !decided; i++) {
        struct value v = evaluate(e, n->items[i]);
        decided = join(&result, &v, decisive);
    }
    return result;
}

static struct value evaluate_quantify(struct evaluation *e, const struct node *n)
{
    struct value list = evaluate(e, n->items[0]);
    if (is_vague(&list))
        return give_up(e);
    if (list.kind != VALUE_LIST)
        return unknown;
    bool decisive = !n->all, decided = false;
    struct value result = of_bool(!decisive);
    for (size_t i = 0; i < list.list.count && !e->exhausted && !decided; i++) {
        e->variables[n->slot] = list.list.items[i];
        struct value v = evaluate(e, n->items[1]);
        decided = join(&result, &v, decisive);
    }
    return result;
}

static struct value evaluate_list(struct evaluation *e, const struct node *n)
{
    struct value *items = make(e, n->count * sizeof *items);
    bool vague = false;
    if (!items)
        return unknown;
    for (uint32_t i = 0; i < n->count; i++) {
        items[i] = evaluate(e, n->items[i]);
        vague = vague || is_vague(&items[i]);
        if (items[i].kind == VALUE_UNKNOWN)
            return unknown;
    }
    if (vague)
        return any;
    return (struct value){.kind = VALUE_LIST, .list = {.items = items, .count = n->count}};
}

/* Whether what is done with the node's value costs the same whatever it is. */
static bool is_plain(const struct node *n)
{
    return n->type.lists == 0 && n->type.base != TYPE_STRING && n->type.base != TYPE_ANY;
}

/* What is worth something else than its operand, which is a range. */
static struct value call_vague(const struct evaluation *e, const struct node *n, const struct value *a)
{
    int64_t unit = n->function == FUNCTION_HOURS ? 3600 : n->function == FUNCTION_MINUTES ? 60 : 1;
    if (n->kind == NODE_MEMBER || n->function == FUNCTION_FIELD)
        return field_within(e, n->field, a->range.first, a->range.last);
    if (n->function != FUNCTION_HOURS && n->function != FUNCTION_MINUTES && n->function != FUNCTION_SECONDS)
        return any;
    return of_range(a->range.first / (unit * NANOSECONDS), a->range.last / (unit * NANOSECONDS));
}

/* The same where operands are vague: what holds of all values that they may have, at the cost of the dearest. */
static struct value evaluate_vague(struct evaluation *e, const struct node *n, const struct value *a, const struct value *b)
{
    bool in_list = n->kind == NODE_BINARY && n->operation == OPERATION_IN && b->kind == VALUE_LIST;
    bool plain = is_plain(n->items[0]) && (n->count == 1 || is_plain(n->items[1]) || in_list);
    if (!plain || !spend(e, in_list ? b->list.count : 1))
        return give_up(e);
    if (in_list)
        return range_in(a, b->list.items, b->list.count);
    if (n->kind == NODE_NEGATE)
        return range_arithmetic(OPERATION_SUBTRACT, &(struct value){.kind = VALUE_INT}, a);
    if (n->kind != NODE_BINARY)
        return a->kind == VALUE_RANGE ? call_vague(e, n, a) : any;
    if (n->operation < OPERATION_ADD)
        return range_compare(n->operation, a, b);
    bool a_timestamp = n->items[0]->type.base == TYPE_TIMESTAMP, b_timestamp = n->items[1]->type.base == TYPE_TIMESTAMP;
    if (a_timestamp || b_timestamp || n->type.base == TYPE_DURATION)
        return range_of_times(n->operation, a, a_timestamp, b, b_timestamp);
    return range_arithmetic(n->operation, a, b);
}

/* Operators and functions that want all their operands known. */
static struct value evaluate_strict(struct evaluation *e, const struct node *n)
{
    struct value a = evaluate(e, n->items[0]);
    if (a.kind == VALUE_UNKNOWN)
        return unknown;
    struct value b = n->count > 1 ? evaluate(e, n->items[1]) : of_bool(false);
    if (b.kind == VALUE_UNKNOWN)
        return unknown;
    if (is_vague(&a) || is_vague(&b))
        return evaluate_vague(e, n, &a, &b);
    switch (n->kind) {
    case NODE_MEMBER: return field_of(e, n, &a);
    case NODE_NOT: return of_bool(!a.boolean);
    case NODE_NEGATE: return negate(&a);
    case NODE_CALL: return call(e, n, &a, &b);
    case NODE_INDEX:
        if (b.integer < 0 || (uint64_t)b.integer >= a.list.count)
            return unknown;
        return a.list.items[b.integer];
    default: return n->operation < OPERATION_ADD ? compare(e, n->operation, &a, &b) : arithmetic(e, n->operation, &a, &b);
    }
}

static struct value evaluate_name(const struct evaluation *e, const struct node *n)
{
    if (n->slot != SLOT_NOW)
        return e->variables[n->slot];
    if (!e->facts || e->last < TIMESTAMP_FIRST || e->facts->now > TIMESTAMP_LAST)
        return unknown;
    if (e->facts->now < TIMESTAMP_FIRST || e->last > TIMESTAMP_LAST)
        return any;
    if (e->facts->now < e->last)
        return of_range(e->facts->now, e->last);
    return (struct value){.kind = VALUE_TIMESTAMP, .integer = e->facts->now};
}

static struct value evaluate_choice(struct evaluation *e, const struct node *n)
{
    struct value test = evaluate(e, n->items[0]);
    if (test.kind == VALUE_BOOL)
        return evaluate(e, n->items[test.boolean ? 1 : 2]);
    if (!is_vague(&test))
        return unknown;
    (void)evaluate(e, n->items[1]); /* for what they cost */
    (void)evaluate(e, n->items[2]);
    return any;
}

static struct value evaluate_open(struct evaluation *e, const struct node *n)
{
    switch (n->kind) {
    case NODE_LITERAL: return n->value;
    case NODE_NAME: return evaluate_name(e, n);
    case NODE_LIST: return evaluate_list(e, n);
    case NODE_AND:
    case NODE_OR: return evaluate_logic(e, n);
    case NODE_QUANTIFY: return evaluate_quantify(e, n);
    case NODE_CHOICE: return evaluate_choice(e, n);
    default: return evaluate_strict(e, n);
    }
}

static struct value evaluate(struct evaluation *e, const struct node *n)
{
    if (!spend(e, 1))
        return unknown;
    if (n->constant)
        return n->value;
    size_t mark = e->used;
    struct value v = evaluate_open(e, n);
    if (v.kind != VALUE_STRING && v.kind != VALUE_LIST)
        e->used = mark; /* nothing refers to what was made on the way */
    return v;
}

bool node_fold(const struct node *n, struct arena *arena, uint32_t *steps, struct value *ret, bool *ret_memory)
{
    struct evaluation e = {.arena = arena, .steps = *steps};
    bool field = n->kind == NODE_MEMBER || n->function == FUNCTION_FIELD;
    *ret_memory = true;
    if (field)
        return false; /* depends on the time zone, which is a fact */
    struct value v = evaluate_open(&e, n);
    *steps = e.steps;
    *ret_memory = !e.no_memory;
    *ret = v;
    return !e.exhausted && !e.no_memory;
}

void evaluation_begin(struct evaluation *e, const struct facts *facts, unsigned exact, int64_t last, uint8_t *scratch)
{
    e->facts = facts;
    e->exact = exact;
    e->last = last;
    e->arena = NULL;
    e->steps = CONDITION_STEPS_MAX;
    e->exhausted = e->no_memory = false;
    e->scratch = scratch;
    e->used = 0; /* variables are written before they are read: clearing them would be the costliest part */
}

struct value node_evaluate(struct evaluation *e, const struct node *n)
{
    return evaluate(e, n);
}

static struct value evaluate_whole(const struct condition *c, const struct facts *facts, unsigned exact, int64_t last, bool *ret_exhausted)
{
    _Alignas(16) uint8_t scratch[EVALUATION_SCRATCH];
    struct evaluation e;
    evaluation_begin(&e, facts, exact, last, scratch);
    struct value v = evaluate(&e, c->root);
    *ret_exhausted = e.exhausted;
    return v;
}

static enum truth truth_of(const struct value *v)
{
    return v->kind != VALUE_BOOL ? TRUTH_UNKNOWN : v->boolean ? TRUTH_TRUE : TRUTH_FALSE;
}

enum truth condition_evaluate(const struct condition *c, const struct facts *facts)
{
    bool exhausted;
    struct value v = evaluate_whole(c, facts, LEVELS_ALL, facts->now, &exhausted);
    return exhausted ? TRUTH_UNKNOWN : truth_of(&v);
}

static bool settle(const struct condition *c, const struct facts *facts, unsigned exact, int64_t last, enum truth *ret)
{
    bool exhausted;
    struct value v = evaluate_whole(c, facts, exact, last, &exhausted);
    if (exhausted || is_vague(&v))
        return false;
    *ret = truth_of(&v);
    return true;
}

bool condition_settled(const struct condition *c, const struct facts *facts, unsigned exact, enum truth *ret)
{
    return settle(c, facts, exact, facts->now, ret);
}

bool condition_settled_until(const struct condition *c, const struct facts *facts, int64_t last, enum truth *ret)
{
    return settle(c, facts, LEVELS_ALL, last, ret);
}

uint32_t condition_steps(const struct condition *c, const struct facts *facts, int64_t last)
{
    _Alignas(16) uint8_t scratch[EVALUATION_SCRATCH];
    struct evaluation e;
    evaluation_begin(&e, facts, LEVELS_ALL, last, scratch);
    (void)evaluate(&e, c->root);
    return CONDITION_STEPS_MAX - e.steps;
}
