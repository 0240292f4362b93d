/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a condition is worth at each second of a minute, all of them in one walk over its tree: a bool is two sets of seconds, an
 * int a number for each. What is the same all through, as ranges show, is worked out once; of what this file does not
 * know (strings, lists, other times than `now`), each second is asked for by itself.
 */
#include "policy/condition_tree.h"

#include "policy/calendar.h"

struct seconds {
    struct evaluation evaluation;
    struct facts facts; /* the evaluation's: `now` is set before each */
    int64_t first;
    unsigned count;
    uint8_t second; /* of the first, in local time; the offset is the same at all of them */
};

/* Sets of seconds: bit i is the i-th. */
struct truths {
    uint64_t holds, fails; /* in neither: unknown */
};

struct ints {
    bool same;      /* at[0] at all of them */
    uint64_t known; /* the others are unknown */
    int64_t at[SECONDS_MAX];
};

static uint64_t set_of_all(const struct seconds *s)
{
    return UINT64_MAX >> (64 - s->count);
}

static bool is_int(const struct node *n)
{
    return n->type.lists == 0 && n->type.base == TYPE_INT;
}

static bool is_bool(const struct node *n)
{
    return n->type.lists == 0 && n->type.base == TYPE_BOOL;
}

/* As many as the evaluation of one second takes for it at the most. */
static void spend(struct seconds *s, uint32_t steps)
{
    struct evaluation *e = &s->evaluation;
    e->exhausted = e->exhausted || steps > e->steps;
    e->steps = steps > e->steps ? 0 : e->steps - steps;
}

/* The node is worth the same all through; false where that is not known. */
static bool is_told(struct seconds *s, const struct node *n, struct value *ret)
{
    struct evaluation *e = &s->evaluation;
    uint32_t steps = e->steps;
    if (e->exhausted)
        return false;
    s->facts.now = s->first;
    e->last = s->first + s->count - 1;
    struct value v = node_evaluate(e, n);
    if (v.kind == VALUE_RANGE && v.range.first == v.range.last && is_int(n))
        v = of_int(v.range.first);
    if (!e->exhausted && !is_vague(&v)) {
        *ret = v;
        return true;
    }
    e->exhausted = false;
    e->steps = steps;
    return false;
}

/* The node at one second; the steps that are left afterwards go into `least` when they are fewer. */
static struct value value_at(struct seconds *s, const struct node *n, unsigned i, uint32_t *least)
{
    struct evaluation *e = &s->evaluation;
    uint32_t steps = e->steps;
    s->facts.now = e->last = s->first + i;
    struct value v = node_evaluate(e, n);
    *least = e->steps < *least ? e->steps : *least;
    e->steps = steps;
    return v;
}

static uint64_t bit_if(bool set, unsigned i)
{
    return (uint64_t)set << i;
}

static struct truths all_truths(const struct seconds *s, const struct value *v)
{
    bool known = v->kind == VALUE_BOOL;
    return (struct truths){.holds = known && v->boolean ? set_of_all(s) : 0, .fails = known && !v->boolean ? set_of_all(s) : 0};
}

static struct truths truths_one_by_one(struct seconds *s, const struct node *n, uint64_t wanted)
{
    struct truths t = {0};
    uint32_t least = s->evaluation.steps;
    for (unsigned i = 0; i < s->count; i++) {
        if (!(wanted >> i & 1))
            continue;
        struct value v = value_at(s, n, i, &least);
        t.holds |= bit_if(v.kind == VALUE_BOOL && v.boolean, i);
        t.fails |= bit_if(v.kind == VALUE_BOOL && !v.boolean, i);
    }
    s->evaluation.steps = least;
    return t;
}

static void ints_one_by_one(struct seconds *s, const struct node *n, uint64_t wanted, struct ints *ret)
{
    uint32_t least = s->evaluation.steps;
    ret->same = false;
    ret->known = 0;
    for (unsigned i = 0; i < s->count; i++) {
        ret->at[i] = 0;
        if (!(wanted >> i & 1))
            continue;
        struct value v = value_at(s, n, i, &least);
        ret->known |= bit_if(v.kind == VALUE_INT, i);
        ret->at[i] = v.kind == VALUE_INT ? v.integer : 0;
    }
    s->evaluation.steps = least;
}

/* ---- ints ---- */

/* Of the seconds in `wanted`; of others nothing is said. */
static void ints_of(struct seconds *s, const struct node *n, uint64_t wanted, struct ints *ret);
static struct truths truths_of(struct seconds *s, const struct node *n, uint64_t wanted);

static int64_t int_at(const struct ints *v, unsigned i)
{
    return v->at[v->same ? 0 : i];
}

/* False: it is unknown. */
static bool calculate(enum operation operation, int64_t a, int64_t b, int64_t *ret)
{
    switch (operation) {
    case OPERATION_ADD: return !__builtin_add_overflow(a, b, ret);
    case OPERATION_SUBTRACT: return !__builtin_sub_overflow(a, b, ret);
    case OPERATION_MULTIPLY: return !__builtin_mul_overflow(a, b, ret);
    default: break;
    }
    if (b == 0 || (a == INT64_MIN && b == -1))
        return false;
    *ret = operation == OPERATION_DIVIDE ? a / b : a % b;
    return true;
}

static void ints_calculate(const struct seconds *s, enum operation operation, const struct ints *a, const struct ints *b, struct ints *ret)
{
    uint64_t done = 0;
    ret->same = a->same && b->same;
    for (unsigned i = 0; i < (ret->same ? 1 : s->count); i++) {
        ret->at[i] = 0;
        done |= bit_if(calculate(operation, int_at(a, i), int_at(b, i), &ret->at[i]), i);
    }
    ret->known = a->known & b->known & (ret->same && done ? set_of_all(s) : done);
}

static void ints_choose(struct seconds *s, const struct node *n, uint64_t wanted, struct ints *ret)
{
    struct truths test = truths_of(s, n->items[0], wanted);
    struct ints one, other;
    ints_of(s, n->items[1], wanted & test.holds, &one);
    ints_of(s, n->items[2], wanted & test.fails, &other);
    ret->same = false;
    ret->known = (one.known & test.holds) | (other.known & test.fails);
    for (unsigned i = 0; i < s->count; i++)
        ret->at[i] = int_at(test.holds >> i & 1 ? &one : &other, i);
}

static bool is_second_of_now(const struct node *n)
{
    bool field = n->kind == NODE_MEMBER || (n->kind == NODE_CALL && n->function == FUNCTION_FIELD);
    return field && n->field == FIELD_SECOND && n->items[0]->kind == NODE_NAME && n->items[0]->slot == SLOT_NOW;
}

static void ints_of(struct seconds *s, const struct node *n, uint64_t wanted, struct ints *ret)
{
    struct value v;
    struct ints a, b;
    bool calculates = n->kind == NODE_BINARY || n->kind == NODE_NEGATE;
    if (n->constant || (!calculates && n->kind != NODE_CHOICE && !is_second_of_now(n))) {
        if (is_told(s, n, &v))
            *ret = (struct ints){.same = true, .known = v.kind == VALUE_INT ? set_of_all(s) : 0, .at = {v.kind == VALUE_INT ? v.integer : 0}};
        else
            ints_one_by_one(s, n, wanted, ret);
        return;
    }
    spend(s, 2); /* `now` has one, too */
    if (n->kind == NODE_CHOICE) {
        ints_choose(s, n, wanted, ret);
    } else if (calculates) {
        a = (struct ints){.same = true, .known = set_of_all(s)};
        if (n->kind == NODE_BINARY)
            ints_of(s, n->items[0], wanted, &a);
        ints_of(s, n->items[n->count - 1], wanted & a.known, &b);
        ints_calculate(s, n->kind == NODE_BINARY ? n->operation : OPERATION_SUBTRACT, &a, &b, ret);
    } else {
        ret->same = false;
        ret->known = set_of_all(s);
        for (unsigned i = 0; i < s->count; i++)
            ret->at[i] = (s->second + i) % 60;
    }
}

/* ---- bools ---- */

static bool compares(enum operation operation, int64_t a, int64_t b)
{
    switch (operation) {
    case OPERATION_EQUAL: return a == b;
    case OPERATION_UNEQUAL: return a != b;
    case OPERATION_LESS: return a < b;
    case OPERATION_LESS_EQUAL: return a <= b;
    case OPERATION_GREATER: return a > b;
    default: return a >= b;
    }
}

static struct truths truths_of_comparison(struct seconds *s, const struct node *n, uint64_t wanted)
{
    struct ints a, b;
    uint64_t holds = 0;
    ints_of(s, n->items[0], wanted, &a);
    ints_of(s, n->items[1], wanted & a.known, &b);
    for (unsigned i = 0; i < s->count; i++)
        holds |= bit_if(compares(n->operation, int_at(&a, i), int_at(&b, i)), i);
    uint64_t known = a.known & b.known;
    return (struct truths){.holds = known & holds, .fails = known & ~holds};
}

static struct truths truths_of_in(struct seconds *s, const struct node *n, uint64_t wanted)
{
    const struct value *list = &n->items[1]->value;
    struct ints a;
    uint64_t holds = 0;
    ints_of(s, n->items[0], wanted, &a);
    spend(s, (uint32_t)list->list.count);
    for (size_t k = 0; k < list->list.count; k++)
        for (unsigned i = 0; i < s->count; i++)
            holds |= bit_if(int_at(&a, i) == list->list.items[k].integer, i);
    return (struct truths){.holds = a.known & holds, .fails = a.known & ~holds};
}

/* True: both operands are known bools of one worth. */
static struct truths truths_of_equality(struct seconds *s, const struct node *n, uint64_t wanted)
{
    struct truths a = truths_of(s, n->items[0], wanted), b = truths_of(s, n->items[1], wanted & (a.holds | a.fails));
    uint64_t same = (a.holds & b.holds) | (a.fails & b.fails), other = (a.holds & b.fails) | (a.fails & b.holds);
    return n->operation == OPERATION_EQUAL ? (struct truths){same, other} : (struct truths){other, same};
}

static struct truths truths_of_logic(struct seconds *s, const struct node *n, uint64_t wanted)
{
    bool any_decides = n->kind == NODE_OR;
    uint64_t decided = 0, undecided = set_of_all(s); /* by one that decides; as long as all say the other */
    for (uint32_t i = 0; i < n->count && (wanted & ~decided); i++) {
        struct truths t = truths_of(s, n->items[i], wanted & ~decided);
        decided |= wanted & ~decided & (any_decides ? t.holds : t.fails);
        undecided &= any_decides ? t.fails : t.holds;
    }
    return any_decides ? (struct truths){decided, undecided} : (struct truths){undecided, decided};
}

static struct truths truths_choose(struct seconds *s, const struct node *n, uint64_t wanted)
{
    struct truths test = truths_of(s, n->items[0], wanted);
    struct truths one = truths_of(s, n->items[1], wanted & test.holds), other = truths_of(s, n->items[2], wanted & test.fails);
    return (struct truths){(one.holds & test.holds) | (other.holds & test.fails), (one.fails & test.holds) | (other.fails & test.fails)};
}

typedef struct truths truths_finder(struct seconds *s, const struct node *n, uint64_t wanted);

/* How a node is looked into; NULL: it is not. */
static truths_finder *finder_of(const struct node *n)
{
    if (n->constant)
        return NULL;
    switch (n->kind) {
    case NODE_AND:
    case NODE_OR: return truths_of_logic;
    case NODE_CHOICE: return truths_choose;
    case NODE_BINARY: break;
    default: return NULL;
    }
    if (n->operation == OPERATION_IN)
        return is_int(n->items[0]) && n->items[1]->constant && n->items[1]->value.kind == VALUE_LIST ? truths_of_in : NULL;
    if (is_bool(n->items[0]) && n->operation <= OPERATION_UNEQUAL)
        return truths_of_equality;
    return is_int(n->items[0]) && is_int(n->items[1]) ? truths_of_comparison : NULL;
}

static struct truths truths_of(struct seconds *s, const struct node *n, uint64_t wanted)
{
    struct value v;
    if (n->kind == NODE_NOT && !n->constant) {
        spend(s, 1);
        struct truths t = truths_of(s, n->items[0], wanted);
        return (struct truths){t.fails, t.holds};
    }
    truths_finder *find = finder_of(n);
    if ((!find || n->kind == NODE_BINARY) && is_told(s, n, &v))
        return all_truths(s, &v);
    if (!find)
        return truths_one_by_one(s, n, wanted);
    spend(s, 2); /* a comparison for equality has one of its own */
    return find(s, n, wanted);
}

bool condition_each_second(const struct condition *c, const struct facts *facts, unsigned count, uint64_t *ret_true, uint64_t *ret_false)
{
    _Alignas(16) uint8_t scratch[EVALUATION_SCRATCH];
    struct seconds s;
    int64_t last = facts->now + (int64_t)count - 1;
    if (count == 0 || count > SECONDS_MAX || facts->now < TIMESTAMP_FIRST || last > TIMESTAMP_LAST || zone_next_change(facts->zone, facts->now) <= last)
        return false;
    s.facts = *facts;
    s.first = facts->now;
    s.count = count;
    s.second = (uint8_t)floor_modulo(s.first + zone_offset(s.facts.zone, s.first), 60);
    evaluation_begin(&s.evaluation, &s.facts, LEVELS_ALL, s.first, scratch);
    struct truths t = truths_of(&s, c->root, set_of_all(&s));
    *ret_true = t.holds;
    *ret_false = t.fails;
    return !s.evaluation.exhausted;
}
