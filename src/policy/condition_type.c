/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and types of a condition, and which parts of it are constant. Knows the declared context (`now`),
 * what the kernel can never know, and the signature of every operator and function. A part that is wrong
 * has the type TYPE_WRONG and is not reported twice.
 */
#include "policy/condition_tree.h"

#include <stdio.h>

/* ---- the context ---- */

/* What conditions elsewhere speak of, and the kernel never sees. */
static const struct {
    const char *name; /* `root` or `root.member` */
    const char *hint;
} never_known[] = {
    {"user", "a rule about users belongs to a gateway, which is not enforced yet"},
    {"users", "a rule about users belongs to a gateway, which is not enforced yet"},
    {"subject", "a rule about users belongs to a gateway, which is not enforced yet"},
    {"identity", "a rule about users belongs to a gateway, which is not enforced yet"},
    {"session", "a rule about sessions of users belongs to a gateway, which is not enforced yet"},
    {"group", "a rule about groups belongs to a gateway, which is not enforced yet"},
    {"groups", "a rule about groups belongs to a gateway, which is not enforced yet"},
    {"device", "a rule about devices belongs to a gateway, which is not enforced yet"},
    {"request", "a rule about requests belongs to a gateway, which is not enforced yet"},
    {"response", "a rule about responses belongs to a gateway, which is not enforced yet"},
    {"http", "a rule about requests belongs to a gateway, which is not enforced yet"},
    {"location", "a rule about locations belongs to a gateway, which is not enforced yet"},
    {"country", "a rule about locations belongs to a gateway, which is not enforced yet"},
    {"source.country", "a rule about locations belongs to a gateway, which is not enforced yet"},
    {"source.location", "a rule about locations belongs to a gateway, which is not enforced yet"},
    {"risk", "a rule about risk belongs to a gateway, which is not enforced yet"},
    {"data", "a rule about data belongs to a gateway, which is not enforced yet"},
};

/* What a rule says elsewhere than in its condition. */
static const struct {
    const char *name, *hint;
} said_elsewhere[] = {
    {"source", "who calls stands in the rule's `from:`"},         {"from", "who calls stands in the rule's `from:`"},
    {"destination", "who is called stands in the rule's `to:`"},  {"target", "who is called stands in the rule's `to:`"},
    {"to", "who is called stands in the rule's `to:`"},           {"resource", "who is called stands in the rule's `to:`"},
    {"port", "ports stand in the rule's `ports:`"},               {"ports", "ports stand in the rule's `ports:`"},
    {"protocol", "protocols stand in the rule's `ports:`"},       {"time", "the time is `now`"},
};

/* Of a timestamp, in the policy's time zone: Bulkhead's spelling, or CEL's (a call). */
static const struct {
    const char *name;
    enum field field;
    bool call;
} fields[] = {
    {"year", FIELD_YEAR, false},
    {"month", FIELD_MONTH, false},
    {"day", FIELD_DAY, false},
    {"hour", FIELD_HOUR, false},
    {"minute", FIELD_MINUTE, false},
    {"second", FIELD_SECOND, false},
    {"weekday", FIELD_WEEKDAY, false},
    {"getFullYear", FIELD_YEAR, true},
    {"getMonth", FIELD_MONTH_ZERO, true},
    {"getDate", FIELD_DAY, true},
    {"getDayOfMonth", FIELD_DAY_ZERO, true},
    {"getDayOfWeek", FIELD_WEEKDAY, true},
    {"getDayOfYear", FIELD_YEARDAY, true},
    {"getHours", FIELD_HOUR, true},
    {"getMinutes", FIELD_MINUTE, true},
    {"getSeconds", FIELD_SECOND, true},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

/* arguments: types of all, the receiver first; TYPE_ANY: whatever has a size. */
static const struct signature {
    const char *name;
    enum function function;
    bool global, receiver;
    uint8_t count;
    enum base_type arguments[2];
    enum base_type result;
} functions[] = {
    {"size", FUNCTION_SIZE, true, true, 1, {TYPE_ANY, 0}, TYPE_INT},
    {"matches", FUNCTION_MATCHES, true, true, 2, {TYPE_STRING, TYPE_STRING}, TYPE_BOOL},
    {"startsWith", FUNCTION_STARTS_WITH, false, true, 2, {TYPE_STRING, TYPE_STRING}, TYPE_BOOL},
    {"endsWith", FUNCTION_ENDS_WITH, false, true, 2, {TYPE_STRING, TYPE_STRING}, TYPE_BOOL},
    {"contains", FUNCTION_CONTAINS, false, true, 2, {TYPE_STRING, TYPE_STRING}, TYPE_BOOL},
    {"timestamp", FUNCTION_TIMESTAMP, true, false, 1, {TYPE_STRING, 0}, TYPE_TIMESTAMP},
    {"duration", FUNCTION_DURATION, true, false, 1, {TYPE_STRING, 0}, TYPE_DURATION},
    {"getHours", FUNCTION_HOURS, false, true, 1, {TYPE_DURATION, 0}, TYPE_INT},
    {"getMinutes", FUNCTION_MINUTES, false, true, 1, {TYPE_DURATION, 0}, TYPE_INT},
    {"getSeconds", FUNCTION_SECONDS, false, true, 1, {TYPE_DURATION, 0}, TYPE_INT},
};
#define FUNCTION_COUNT (sizeof functions / sizeof functions[0])

struct checker {
    struct compilation *r;
    struct variable {
        struct bytes name;
        struct type type;
    } variables[CONDITION_DEPTH_MAX]; /* innermost last */
    uint32_t variable_count;
    uint32_t steps; /* left for constants */
    bool failed;
};

/* ---- types ---- */

#define TYPE(b) ((struct type){.base = (uint8_t)(b), .lists = 0})

/* A readable name of a type. */
struct type_name {
    char text[CONDITION_DEPTH_MAX * 8 + 16];
};

static struct type_name type_name(struct type t)
{
    static const char *const names[] = {"?", "nothing", "bool", "int", "uint", "double", "string", "timestamp", "duration"};
    struct type_name name;
    size_t at = 0;
    for (unsigned i = 0; i < t.lists && i < CONDITION_DEPTH_MAX; i++, at += 8)
        memcpy(name.text + at, "list of ", 8);
    (void)snprintf(name.text + at, sizeof name.text - at, "%s", names[t.base]);
    return name;
}

static bool is_wrong(struct type t)
{
    return t.base == TYPE_WRONG;
}

/* The type that both fit, if there is one. */
static bool type_unify(struct type a, struct type b, struct type *ret)
{
    if (is_wrong(a) || is_wrong(b)) {
        *ret = TYPE(TYPE_WRONG);
        return true;
    }
    if ((a.base == TYPE_ANY && a.lists <= b.lists) || (a.base == b.base && a.lists == b.lists)) {
        *ret = b;
        return true;
    }
    if (b.base == TYPE_ANY && b.lists <= a.lists) {
        *ret = a;
        return true;
    }
    return false;
}

/* Whether `t` can stand where the plain type `base` is wanted. */
static bool type_is(struct type t, enum base_type base)
{
    struct type ignored;
    return type_unify(t, TYPE(base), &ignored);
}

#define WRONG(k, n, hint, ...) ((k)->failed = true, COMPLAIN((k)->r, (n)->offset, (n)->width, hint, __VA_ARGS__), TYPE(TYPE_WRONG))

/* ---- names ---- */

/* Whether an entry of the tables above is `root`, or `root` and the member that is taken of it (may be NULL). */
static bool name_is(const char *entry, struct bytes root, const struct node *member)
{
    const char *dot = strchr(entry, '.');
    if (!dot)
        return bytes_equal(root, bytes_of_text(entry));
    return member && bytes_equal(root, bytes_of(entry, (size_t)(dot - entry))) &&
           bytes_equal(member->name, bytes_of_text(dot + 1));
}

static struct type wrong_name(struct checker *k, const struct node *n, const struct node *member)
{
    for (size_t i = 0; i < sizeof never_known / sizeof never_known[0]; i++)
        if (name_is(never_known[i].name, n->name, member))
            return WRONG(k, strchr(never_known[i].name, '.') ? member : n, never_known[i].hint,
                         "the kernel decides packets and never knows `%s`", never_known[i].name);
    for (size_t i = 0; i < sizeof said_elsewhere / sizeof said_elsewhere[0]; i++)
        if (name_is(said_elsewhere[i].name, n->name, member))
            return WRONG(k, n, said_elsewhere[i].hint, "a condition does not know `%s`", said_elsewhere[i].name);
    const char *names[CONDITION_DEPTH_MAX + 1] = {"now"};
    size_t count = 1;
    for (uint32_t i = 0; i < k->variable_count; i++) {
        const char *name = arena_text(k->r->arena, k->variables[i].name.at, k->variables[i].name.len);
        if (name)
            names[count++] = name;
    }
    const char *word = arena_text(k->r->arena, n->name.at, n->name.len), *close = NULL;
    if (!word) {
        k->failed = true;
        no_memory(k->r);
        return TYPE(TYPE_WRONG);
    }
    close = n->name.len <= 40 ? closest_name(word, names, count) : NULL;
    for (size_t i = 0; !close && n->name.len <= 40 && i < FIELD_COUNT; i++)
        if (!fields[i].call && strcmp(fields[i].name, word) == 0)
            return WRONG(k, n, arena_format(k->r->arena, "write `now.%s`", word), "unknown name `%s`", word);
    const char *hint = close ? arena_format(k->r->arena, "did you mean `%s`?", close) : "a condition knows `now`, the time of the packet";
    return WRONG(k, n, hint, "unknown name `%.*s`", NAME_ARGUMENTS(n->name));
}

static struct type check_name(struct checker *k, struct node *n, const struct node *member)
{
    for (uint32_t i = k->variable_count; i-- > 0;)
        if (bytes_equal(k->variables[i].name, n->name)) {
            n->slot = i;
            return k->variables[i].type;
        }
    if (!bytes_equal(n->name, bytes_of_text("now")))
        return wrong_name(k, n, member);
    n->slot = SLOT_NOW;
    return TYPE(TYPE_TIMESTAMP);
}

/* "did you mean" out of a list, or NULL. */
static const char *suggest(struct checker *k, struct bytes name, const char *const *names, size_t count)
{
    const char *word = name.len <= 40 ? arena_text(k->r->arena, name.at, name.len) : NULL;
    const char *close = word ? closest_name(word, names, count) : NULL;
    return close ? arena_format(k->r->arena, "did you mean `%s`?", close) : NULL;
}

static struct type check_member(struct checker *k, struct node *n)
{
    struct type of = n->items[0]->type;
    const char *names[FIELD_COUNT];
    size_t count = 0;
    if (is_wrong(of))
        return of;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].call)
            continue;
        names[count++] = fields[i].name;
        if (type_is(of, TYPE_TIMESTAMP) && bytes_equal(n->name, bytes_of_text(fields[i].name))) {
            n->field = fields[i].field;
            return TYPE(TYPE_INT);
        }
    }
    const char *hint = type_is(of, TYPE_TIMESTAMP) ? suggest(k, n->name, names, count) : NULL;
    return WRONG(k, n, hint, "%s has no member `%.*s`", type_name(of).text, NAME_ARGUMENTS(n->name));
}

/* ---- functions ---- */

static struct type unknown_function(struct checker *k, const struct node *n)
{
    const char *names[FUNCTION_COUNT + FIELD_COUNT + 2];
    size_t count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        bool same = bytes_equal(n->name, bytes_of_text(functions[i].name));
        if (same && n->receiver)
            return WRONG(k, n, NULL, "`%s` is not called on a value: write `%s(...)`", functions[i].name, functions[i].name);
        if (same)
            return WRONG(k, n, NULL, "`%s` is called on a value: write `value.%s(...)`", functions[i].name, functions[i].name);
        names[count++] = functions[i].name;
    }
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (fields[i].call)
            names[count++] = fields[i].name;
    names[count++] = "exists";
    names[count++] = "all";
    return WRONG(k, n, suggest(k, n->name, names, count), "unknown function `%.*s`", NAME_ARGUMENTS(n->name));
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static struct type check_arguments(struct checker *k, struct node *n, const struct signature *f)
{
    size_t first = n->receiver ? 1 : 0;
    if (n->count != f->count)
        return WRONG(k, n, NULL, "`%s` takes %zu argument%s, not %zu", f->name, f->count - first, plural(f->count - first),
                     n->count - first);
    for (uint32_t i = 0; i < n->count; i++) {
        struct type t = n->items[i]->type;
        bool sized = t.lists > 0 || t.base == TYPE_STRING || t.base == TYPE_ANY || is_wrong(t);
        if (f->function == FUNCTION_SIZE ? !sized : !type_is(t, f->arguments[i])) {
            const struct type_name wants = type_name(TYPE(f->arguments[i]));
            return WRONG(k, n->items[i], NULL, "`%s` wants %s, not %s", f->name,
                         f->function == FUNCTION_SIZE ? "string or list" : wants.text, type_name(t).text);
        }
    }
    n->function = f->function;
    return TYPE(f->result);
}

static struct type check_call(struct checker *k, struct node *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (is_wrong(n->items[i]->type))
            return TYPE(TYPE_WRONG);
    bool on_duration = n->receiver && n->items[0]->type.base == TYPE_DURATION && n->items[0]->type.lists == 0;
    for (size_t i = 0; i < FIELD_COUNT && n->receiver && !on_duration; i++) {
        if (!fields[i].call || !bytes_equal(n->name, bytes_of_text(fields[i].name)))
            continue;
        if (!type_is(n->items[0]->type, TYPE_TIMESTAMP))
            return WRONG(k, n->items[0], NULL, "`%s` wants timestamp, not %s", fields[i].name, type_name(n->items[0]->type).text);
        if (n->count != 1)
            return WRONG(k, n->items[1], "the time zone is the policy's `timezone:`", "`%s` takes no argument", fields[i].name);
        n->function = FUNCTION_FIELD;
        n->field = fields[i].field;
        return TYPE(TYPE_INT);
    }
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if ((n->receiver ? functions[i].receiver : functions[i].global) && bytes_equal(n->name, bytes_of_text(functions[i].name)))
            return check_arguments(k, n, &functions[i]);
    return unknown_function(k, n);
}

/* What a constant argument shows only by its value: times and patterns. */
static void check_constants(struct checker *k, struct node *n)
{
    const struct node *last = n->items[n->count - 1];
    char error[160];
    if (n->function == FUNCTION_MATCHES && (!last->constant || last->value.kind != VALUE_STRING)) {
        (void)WRONG(k, last, NULL, "the pattern of `matches` has to be a constant");
    } else if (n->function == FUNCTION_MATCHES) {
        n->pattern = pattern_compile(last->value.string, k->r->arena, error, sizeof error);
        if (!n->pattern && !error[0])
            k->failed = true, no_memory(k->r);
        else if (!n->pattern)
            (void)WRONG(k, last, "patterns have the syntax of RE2", "not a pattern: %s", error);
    } else if (last->constant && last->value.kind == VALUE_STRING) {
        struct value ignored;
        if (n->function == FUNCTION_TIMESTAMP && !timestamp_parse(last->value.string, &ignored))
            (void)WRONG(k, last, "for instance \"2026-01-31T18:00:00Z\"", "not a time of RFC 3339");
        if (n->function == FUNCTION_DURATION && !duration_parse(last->value.string, &ignored))
            (void)WRONG(k, last, "for instance \"1h30m\" or \"90s\"", "not a duration");
    }
}

/* ---- operators ---- */

static const char *operation_text(enum operation o)
{
    static const char *const texts[] = {
#define X(name, spelling, strength) spelling,
        CONDITION_OPERATIONS(X)
#undef X
    };
    return texts[o];
}

/* Arithmetic beyond two operands of the same number: (left, operation, right) -> result. */
static const struct {
    enum base_type left;
    enum operation operation;
    enum base_type right, result;
} mixed[] = {
    {TYPE_TIMESTAMP, OPERATION_ADD, TYPE_DURATION, TYPE_TIMESTAMP},
    {TYPE_DURATION, OPERATION_ADD, TYPE_TIMESTAMP, TYPE_TIMESTAMP},
    {TYPE_DURATION, OPERATION_ADD, TYPE_DURATION, TYPE_DURATION},
    {TYPE_TIMESTAMP, OPERATION_SUBTRACT, TYPE_DURATION, TYPE_TIMESTAMP},
    {TYPE_TIMESTAMP, OPERATION_SUBTRACT, TYPE_TIMESTAMP, TYPE_DURATION},
    {TYPE_DURATION, OPERATION_SUBTRACT, TYPE_DURATION, TYPE_DURATION},
    {TYPE_STRING, OPERATION_ADD, TYPE_STRING, TYPE_STRING},
};

static bool is_number(struct type t, enum operation o)
{
    return t.lists == 0 && (t.base == TYPE_INT || t.base == TYPE_UINT || t.base == TYPE_ANY ||
                            (t.base == TYPE_DOUBLE && o != OPERATION_REMAINDER));
}

static struct type check_arithmetic(struct checker *k, const struct node *n, struct type a, struct type b)
{
    struct type both;
    if (type_unify(a, b, &both) && (is_number(both, n->operation) || (n->operation == OPERATION_ADD && both.lists > 0)))
        return both;
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++)
        if (mixed[i].operation == n->operation && type_is(a, mixed[i].left) && type_is(b, mixed[i].right))
            return TYPE(mixed[i].result);
    return WRONG(k, n, NULL, "`%s` cannot be applied to %s and %s", operation_text(n->operation), type_name(a).text, type_name(b).text);
}

/* A number in quotes beside an int is a common slip. */
static const char *comparison_hint(const struct node *n)
{
    for (int i = 0; i < 2; i++) {
        const struct node *text = n->items[i], *other = n->items[1 - i];
        if (text->kind != NODE_LITERAL || text->value.kind != VALUE_STRING || other->type.base != TYPE_INT)
            continue;
        bool digits = text->value.string.len > 0;
        for (size_t d = 0; d < text->value.string.len; d++)
            digits = digits && text->value.string.at[d] >= '0' && text->value.string.at[d] <= '9';
        return digits ? "write the number without quotation marks" : NULL;
    }
    return NULL;
}

static struct type check_binary(struct checker *k, const struct node *n)
{
    struct type a = n->items[0]->type, b = n->items[1]->type, both;
    if (is_wrong(a) || is_wrong(b))
        return TYPE(TYPE_WRONG);
    const char *text = operation_text(n->operation);
    if (n->operation == OPERATION_IN) {
        if (b.lists == 0)
            return WRONG(k, n->items[1], NULL, "`in` looks into a list, not into %s", type_name(b).text);
        struct type element = {.base = b.base, .lists = (uint8_t)(b.lists - 1)};
        if (!type_unify(a, element, &both))
            return WRONG(k, n, NULL, "`in` looks for %s in a %s", type_name(a).text, type_name(b).text);
        return TYPE(TYPE_BOOL);
    }
    if (n->operation >= OPERATION_ADD)
        return check_arithmetic(k, n, a, b);
    if (!type_unify(a, b, &both))
        return WRONG(k, n, comparison_hint(n), "`%s` compares %s with %s", text, type_name(a).text, type_name(b).text);
    if (both.lists > 0 && n->operation != OPERATION_EQUAL && n->operation != OPERATION_UNEQUAL)
        return WRONG(k, n, NULL, "`%s` has no meaning for a %s", text, type_name(both).text);
    return TYPE(TYPE_BOOL);
}

static struct type check_unary(struct checker *k, const struct node *n)
{
    struct type t = n->items[0]->type;
    if (is_wrong(t))
        return t;
    if (n->kind == NODE_NOT)
        return type_is(t, TYPE_BOOL) ? TYPE(TYPE_BOOL) : WRONG(k, n->items[0], NULL, "`!` wants bool, not %s", type_name(t).text);
    if (t.lists == 0 && (t.base == TYPE_INT || t.base == TYPE_DOUBLE || t.base == TYPE_ANY))
        return t;
    return WRONG(k, n->items[0], NULL, "`-` wants int or double, not %s", type_name(t).text);
}

static struct type check_logic(struct checker *k, const struct node *n)
{
    const char *text = n->kind == NODE_AND ? "&&" : "||";
    struct type result = TYPE(TYPE_BOOL);
    for (uint32_t i = 0; i < n->count; i++) {
        struct type t = n->items[i]->type;
        if (!type_is(t, TYPE_BOOL))
            result = WRONG(k, n->items[i], NULL, "`%s` wants bool, not %s", text, type_name(t).text);
        if (is_wrong(t))
            result = t;
    }
    return result;
}

static struct type check_choice(struct checker *k, const struct node *n)
{
    struct type test = n->items[0]->type, a = n->items[1]->type, b = n->items[2]->type, both;
    if (!type_is(test, TYPE_BOOL))
        return WRONG(k, n->items[0], NULL, "`?` wants bool, not %s", type_name(test).text);
    if (!type_unify(a, b, &both))
        return WRONG(k, n, NULL, "`?:` chooses between %s and %s", type_name(a).text, type_name(b).text);
    return is_wrong(test) ? test : both;
}

/* ---- lists ---- */

static struct type check_list(struct checker *k, const struct node *n)
{
    struct type element = TYPE(TYPE_ANY);
    for (uint32_t i = 0; i < n->count; i++) {
        struct type t = n->items[i]->type, both;
        if (!type_unify(element, t, &both))
            return WRONG(k, n->items[i], NULL, "a list of %s cannot hold %s", type_name(element).text, type_name(t).text);
        element = both;
    }
    if (!is_wrong(element))
        element.lists++;
    return element;
}

static struct type check_index(struct checker *k, const struct node *n)
{
    struct type list = n->items[0]->type, at = n->items[1]->type;
    if (is_wrong(list) || is_wrong(at))
        return TYPE(TYPE_WRONG);
    if (list.lists == 0)
        return WRONG(k, n->items[0], NULL, "only a list has an index, not %s", type_name(list).text);
    if (!type_is(at, TYPE_INT))
        return WRONG(k, n->items[1], NULL, "an index is int, not %s", type_name(at).text);
    list.lists--;
    return list;
}

static struct type check_node(struct checker *k, struct node *n, const struct node *member);

static struct type check_quantify(struct checker *k, struct node *n)
{
    const char *name = n->all ? "all" : "exists";
    struct type list = check_node(k, n->items[0], NULL);
    if (!is_wrong(list) && list.lists == 0)
        list = WRONG(k, n->items[0], NULL, "`%s` goes over a list, not over %s", name, type_name(list).text);
    if (!is_wrong(list))
        list.lists--;
    n->slot = k->variable_count;
    k->variables[k->variable_count++] = (struct variable){.name = n->name, .type = list};
    struct type predicate = check_node(k, n->items[1], NULL);
    k->variable_count--;
    if (!type_is(predicate, TYPE_BOOL))
        return WRONG(k, n->items[1], NULL, "`%s` wants bool, not %s", name, type_name(predicate).text);
    return is_wrong(list) || is_wrong(predicate) ? TYPE(TYPE_WRONG) : TYPE(TYPE_BOOL);
}

/* ---- the whole ---- */

static struct type type_of_literal(const struct value *v)
{
    static const uint8_t bases[] = {[VALUE_BOOL] = TYPE_BOOL, [VALUE_INT] = TYPE_INT, [VALUE_UINT] = TYPE_UINT, [VALUE_DOUBLE] = TYPE_DOUBLE, [VALUE_STRING] = TYPE_STRING};
    return TYPE(bases[v->kind]);
}

/* Works out what does not depend on facts once and for all. */
static void fold(struct checker *k, struct node *n)
{
    bool memory = true;
    bool settled = n->kind != NODE_NAME && n->kind != NODE_QUANTIFY;
    if (n->kind == NODE_LITERAL) {
        n->constant = true;
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) {
        const struct node *item = n->items[i];
        settled = settled && item->constant;
        bool decides = item->constant && item->value.kind == VALUE_BOOL && item->value.boolean == (n->kind == NODE_OR);
        if (decides && (n->kind == NODE_AND || n->kind == NODE_OR)) {
            n->constant = true;
            n->value = item->value;
            return;
        }
    }
    if (!settled)
        return;
    n->constant = node_fold(n, k->r->arena, &k->steps, &n->value, &memory);
    if (!memory) {
        k->failed = true;
        no_memory(k->r);
    }
}

/* `member`: the node that takes a member of this one, if any. */
static struct type check_node(struct checker *k, struct node *n, const struct node *member)
{
    static struct type (*const simple[])(struct checker *, const struct node *) = {
        [NODE_LIST] = check_list, [NODE_INDEX] = check_index,   [NODE_NOT] = check_unary,     [NODE_NEGATE] = check_unary,
        [NODE_AND] = check_logic, [NODE_OR] = check_logic,      [NODE_BINARY] = check_binary, [NODE_CHOICE] = check_choice,
        [NODE_QUANTIFY] = NULL,
    };
    for (uint32_t i = 0; n->kind != NODE_QUANTIFY && i < n->count; i++)
        check_node(k, n->items[i], n->kind == NODE_MEMBER ? n : NULL);
    if (n->kind == NODE_LITERAL)
        n->type = type_of_literal(&n->value);
    else if (n->kind == NODE_NAME)
        n->type = check_name(k, n, member);
    else if (n->kind == NODE_MEMBER)
        n->type = check_member(k, n);
    else if (n->kind == NODE_CALL)
        n->type = check_call(k, n);
    else if (n->kind == NODE_QUANTIFY)
        n->type = check_quantify(k, n);
    else
        n->type = simple[n->kind](k, n);
    if (n->kind == NODE_CALL && !is_wrong(n->type))
        check_constants(k, n);
    if (!is_wrong(n->type) && !k->failed)
        fold(k, n);
    return n->type;
}

bool condition_check(struct compilation *r, struct node *root)
{
    struct checker k = {.r = r, .steps = CONDITION_STEPS_MAX};
    struct type t = check_node(&k, root, NULL);
    if (!type_is(t, TYPE_BOOL))
        (void)WRONG(&k, root, NULL, "a condition is bool, not %s", type_name(t).text);
    return !k.failed;
}
