/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the answer of a condition changes. Between two seconds at which no part of a condition can change, the whole
 * does not; parts are told apart by how often they change, so that a day is only looked at hour by hour, an hour minute
 * by minute, where what is below can change the answer. Where no such seconds are known of a part (time that has passed
 * since a moment, counted in hours), spans of time are halved until the answer is one all through them. Never wrong: where
 * nothing is known of a part, every second is looked at, those of a minute together.
 */
#include "policy/condition_tree.h"

#include "policy/calendar.h"

/* ---- the next second at which a part can change ---- */

/* `next` becomes the smallest second behind `after` at which a part of that level can change. */
struct walk {
    const struct zone *zone;
    enum level level;
    int64_t after, next;
    bool irregular; /* met a part of which these seconds are not known */
};

/* Seconds between two changes of a field at the least, while the offset from UTC stays. */
static int64_t level_period(enum level level)
{
    static const int64_t periods[] = {1, 60, 3600, DAY_SECONDS};
    return periods[level];
}

/* A time as a line over `now`: slope * now + constant, in nanoseconds. */
struct line {
    int64_t slope;
    wide constant;
};

static bool line_of(const struct node *n, struct line *ret)
{
    struct line a, b;
    if (n->constant) {
        *ret = (struct line){.slope = 0, .constant = nanoseconds_of(&n->value)};
        return n->value.kind == VALUE_TIMESTAMP || n->value.kind == VALUE_DURATION;
    }
    if (n->kind == NODE_NAME && n->slot == SLOT_NOW) {
        *ret = (struct line){.slope = 1};
        return true;
    }
    if (n->kind != NODE_BINARY || n->operation < OPERATION_ADD || !line_of(n->items[0], &a) || !line_of(n->items[1], &b))
        return false;
    int sign = n->operation == OPERATION_ADD ? 1 : -1;
    *ret = (struct line){.slope = a.slope + sign * b.slope, .constant = a.constant + sign * b.constant};
    return true;
}

static void candidate(struct walk *w, enum level level, wide at)
{
    if (level == w->level && at > w->after && at < w->next)
        w->next = (int64_t)at;
}

/* The line passes through zero, or touches it, between these seconds. */
static void candidates_of_zero(struct walk *w, struct line l)
{
    if (l.slope == 0)
        return;
    wide step = (wide)l.slope * NANOSECONDS, at = -l.constant / step;
    for (int i = -1; i <= 2; i++)
        candidate(w, LEVEL_DAY, at + i);
}

/* Where a time, or one on the way to it, leaves its type's range and becomes unknown. */
static void candidates_of_range(struct walk *w, const struct node *n)
{
    struct line l;
    if (n->constant || !line_of(n, &l))
        return;
    bool timestamp = n->type.base == TYPE_TIMESTAMP;
    wide first = timestamp ? (wide)TIMESTAMP_FIRST * NANOSECONDS : INT64_MIN;
    wide last = timestamp ? ((wide)TIMESTAMP_LAST + 1) * NANOSECONDS - 1 : INT64_MAX;
    candidates_of_zero(w, (struct line){.slope = l.slope, .constant = l.constant - first});
    candidates_of_zero(w, (struct line){.slope = l.slope, .constant = l.constant - last});
    for (uint32_t i = 0; i < n->count; i++)
        candidates_of_range(w, n->items[i]);
}

/* A field of a timestamp that runs with `now`. False: of another one. */
static bool candidates_of_field(struct walk *w, const struct node *n)
{
    struct line l;
    if (!line_of(n->items[0], &l) || (l.slope != 0 && l.slope != 1))
        return false;
    candidates_of_range(w, n->items[0]);
    wide shift = l.constant / NANOSECONDS - (l.constant % NANOSECONDS < 0), then = (wide)w->after + shift;
    if (l.slope == 0 || then < TIMESTAMP_FIRST || then > TIMESTAMP_LAST)
        return true; /* unknown, until it comes into its range */
    enum level level = field_level(n->field);
    int64_t at = (int64_t)then, period = level_period(level);
    candidate(w, level, then + period - floor_modulo(at + zone_offset(w->zone, at), period) - shift);
    candidate(w, LEVEL_DAY, (wide)zone_next_change(w->zone, at) - shift);
    return true;
}

static bool candidates_of_comparison(struct walk *w, const struct node *n)
{
    struct line a, b;
    if (n->operation > OPERATION_IN || !line_of(n->items[0], &a))
        return false;
    candidates_of_range(w, n->items[0]);
    if (n->operation == OPERATION_IN) {
        const struct value *list = &n->items[1]->value;
        if (!n->items[1]->constant || list->kind != VALUE_LIST)
            return false;
        for (size_t i = 0; i < list->list.count; i++)
            candidates_of_zero(w, (struct line){.slope = a.slope, .constant = a.constant - nanoseconds_of(&list->list.items[i])});
        return true;
    }
    if (!line_of(n->items[1], &b))
        return false;
    candidates_of_range(w, n->items[1]);
    candidates_of_zero(w, (struct line){.slope = a.slope - b.slope, .constant = a.constant - b.constant});
    return true;
}

static void find_candidates(struct walk *w, const struct node *n)
{
    if (n->constant)
        return;
    bool field = n->kind == NODE_MEMBER || (n->kind == NODE_CALL && n->function == FUNCTION_FIELD);
    if (field && candidates_of_field(w, n))
        return;
    if (n->kind == NODE_BINARY && candidates_of_comparison(w, n))
        return;
    w->irregular = w->irregular || (n->kind == NODE_NAME && n->slot == SLOT_NOW);
    for (uint32_t i = 0; i < n->count; i++)
        find_candidates(w, n->items[i]);
}

/* ---- the search ---- */

struct search {
    const struct condition *condition;
    const struct zone *zone;
    enum truth first; /* what is looked for is another answer */
    uint32_t cost;    /* steps of one evaluation */
    uint64_t *left;   /* steps; at 0 the search ends and what it found says nothing */
};

static bool spend(const struct search *s, uint64_t evaluations)
{
    uint64_t steps = evaluations * s->cost;
    bool enough = *s->left > steps;
    *s->left = enough ? *s->left - steps : 0;
    return enough;
}

/* The first second behind `after` at which something of that level can change; else `end`. */
static int64_t next_of(const struct search *s, enum level level, int64_t after, int64_t end)
{
    struct walk w = {.zone = s->zone, .level = level, .after = after, .next = end};
    (void)spend(s, 1);
    find_candidates(&w, s->condition->root);
    return w.next;
}

static bool is_another(const struct search *s, int64_t at)
{
    return spend(s, 1) && condition_evaluate(s->condition, &(struct facts){.now = at, .zone = s->zone}) != s->first;
}

/* The first second in [begin, end) with another answer, or `end`: at most SECONDS_MAX, of which each is looked at. */
static int64_t search_each_second(const struct search *s, int64_t begin, int64_t end)
{
    struct facts facts = {.now = begin, .zone = s->zone};
    unsigned count = (unsigned)(end - begin);
    uint64_t holds, fails;
    if (!spend(s, count))
        return end;
    if (condition_each_second(s->condition, &facts, count, &holds, &fails)) {
        uint64_t all = UINT64_MAX >> (64 - count);
        uint64_t others = all & ~(s->first == TRUTH_TRUE ? holds : s->first == TRUTH_FALSE ? fails : ~(holds | fails));
        return others ? begin + __builtin_ctzll(others) : end;
    }
    while (begin < end && !is_another(s, begin))
        begin++;
    return begin;
}

/* The same, of those at which something can change. */
static int64_t search_seconds(const struct search *s, int64_t begin, int64_t end)
{
    if (begin < end && next_of(s, LEVEL_SECOND, begin, end) == end)
        return is_another(s, begin) ? begin : end;
    for (; begin < end && *s->left; begin += SECONDS_MAX) {
        int64_t stop = end - begin > SECONDS_MAX ? begin + SECONDS_MAX : end, found = search_each_second(s, begin, stop);
        if (found < stop)
            return found;
    }
    return end;
}

static bool is_settled(const struct search *s, int64_t at, unsigned exact, enum truth *ret)
{
    struct facts facts = {.now = at, .zone = s->zone};
    return spend(s, 1) && condition_settled(s->condition, &facts, exact, ret);
}

/* Whether nothing else comes of any second of a minute, whatever minutes and hours are. */
static bool is_settled_by_seconds(const struct search *s, int64_t begin, int64_t end)
{
    const int64_t minute = level_period(LEVEL_MINUTE);
    const unsigned exact = 1u << LEVEL_DAY | 1u << LEVEL_SECOND;
    int64_t seen = 0;
    enum truth truth;
    while (end - begin >= minute && seen < minute && is_settled(s, begin + seen, exact, &truth) && truth == s->first)
        seen++;
    return seen == minute;
}

/*
 * The same. In [begin, end) nothing above `level` changes. In a piece of it in which nothing of that level changes
 * either, fields below have had all their values when the longest of their periods is over.
 */
static int64_t search_pieces(const struct search *s, enum level level, int64_t begin, int64_t end)
{
    while (begin < end && *s->left) {
        int64_t next = next_of(s, level, begin, end), repeats = level_period(level);
        enum truth truth;
        if (is_settled(s, begin, LEVELS_ALL << level, &truth)) {
            if (truth != s->first)
                return begin;
        } else if (level != LEVEL_DAY || !is_settled_by_seconds(s, begin, next)) {
            int64_t stop = next - begin > repeats ? begin + repeats : next;
            int64_t found = level == LEVEL_MINUTE ? search_seconds(s, begin, stop) : search_pieces(s, level - 1, begin, stop);
            if (found < stop)
                return found;
        }
        begin = next;
    }
    return end;
}

/* Where to halve (begin, end): at a day, an hour or a minute, since fields are then known best. */
static int64_t middle_of(const struct search *s, int64_t begin, int64_t end)
{
    int64_t middle = begin + (int64_t)(((uint64_t)end - (uint64_t)begin) / 2);
    for (int level = LEVEL_DAY; level > LEVEL_SECOND; level--) {
        int64_t unit = level_period(level), into = floor_modulo(middle + zone_offset(s->zone, middle), unit);
        if (middle - begin > into)
            return middle - into;
        if (end - middle > unit - into)
            return middle + unit - into;
    }
    return middle;
}

/* The first second in [begin, end) with another answer, or `end`. */
static int64_t search_spans(const struct search *s, int64_t begin, int64_t end)
{
    struct facts facts = {.now = begin, .zone = s->zone};
    enum truth truth;
    if (!spend(s, 1))
        return end;
    if (condition_settled_until(s->condition, &facts, end - 1, &truth))
        return truth == s->first ? end : begin;
    if (end - begin <= SECONDS_MAX)
        return search_each_second(s, begin, end);
    int64_t middle = middle_of(s, begin, end), found = search_spans(s, begin, middle);
    return found < middle ? found : search_spans(s, middle, end);
}

static bool is_irregular(const struct condition *c)
{
    struct walk w = {0};
    find_candidates(&w, c->root);
    return w.irregular;
}

/* The first second in (begin, until) with another answer than there, which is `first`; else `until`. */
static int64_t search_change(const struct search *s, int64_t begin, int64_t until)
{
    if (begin >= until || begin + 1 == until)
        return until;
    return is_irregular(s->condition) ? search_spans(s, begin + 1, until) : search_pieces(s, LEVEL_DAY, begin + 1, until);
}

int64_t condition_next_change(const struct condition *c, const struct facts *from, int64_t until)
{
    uint64_t unlimited = UINT64_MAX;
    const struct search s = {.condition = c, .zone = from->zone, .first = condition_evaluate(c, from), .left = &unlimited};
    return search_change(&s, from->now, until);
}

/* Whether all that the condition knows of `now` is fields of it, and of no other time. */
static bool knows_only_fields(const struct node *n)
{
    if (n->constant)
        return true;
    if (n->kind == NODE_MEMBER || (n->kind == NODE_CALL && n->function == FUNCTION_FIELD))
        return n->items[0]->kind == NODE_NAME && n->items[0]->slot == SLOT_NOW;
    bool only = n->kind != NODE_NAME || n->slot != SLOT_NOW;
    for (uint32_t i = 0; i < n->count && only; i++)
        only = knows_only_fields(n->items[i]);
    return only;
}

bool condition_is_never(const struct condition *c, unsigned truths, const struct zone *zone, uint64_t *left)
{
    const struct facts first = {.now = TIMESTAMP_FIRST, .zone = zone};
    const struct search s = {.condition = c, .left = left, .cost = condition_steps(c, &first, TIMESTAMP_LAST)};
    enum truth truth;
    if (condition_settled_until(c, &first, TIMESTAMP_LAST, &truth))
        return !(truths >> truth & 1);
    if (!knows_only_fields(c->root))
        return false;
    /* The fields of an hour's begin are the same in every zone, at some moment. */
    for (int64_t hour = 0; hour < 24; hour++)
        if (!is_settled(&s, hour * level_period(LEVEL_HOUR), 1u << LEVEL_HOUR, &truth) || truths >> truth & 1)
            return false;
    return true;
}

bool condition_is_never_between(const struct condition *c, unsigned truths, const struct facts *from, int64_t until, uint64_t *left)
{
    struct search s = {.condition = c, .zone = from->zone, .left = left};
    enum truth truth;
    s.cost = condition_steps(c, from, until - 1);
    if (condition_settled_until(c, from, until - 1, &truth))
        return !(truths >> truth & 1);
    for (int64_t at = from->now; at < until && spend(&s, 1); at = search_change(&s, at, until)) {
        s.first = condition_evaluate(c, &(struct facts){.now = at, .zone = s.zone});
        if (truths >> s.first & 1)
            return false;
    }
    return *left > 0;
}

#define CHANGES_LOOKED_AT 200

bool condition_changes_often(const struct condition *c, unsigned truths, const struct facts *from, int64_t until, unsigned count, int64_t seconds,
    uint64_t *left)
{
    struct search s = {.condition = c, .zone = from->zone, .left = left};
    int64_t changes[CONDITION_OFTEN_MAX]; /* the last `count` ones, in a ring */
    unsigned met = 0;
    bool was = false;
    enum truth truth;
    s.cost = condition_steps(c, from, until - 1);
    if (condition_settled_until(c, from, until - 1, &truth))
        return false;
    for (int64_t at = from->now; at < until && met < CHANGES_LOOKED_AT && spend(&s, 1); at = search_change(&s, at, until)) {
        s.first = condition_evaluate(c, &(struct facts){.now = at, .zone = s.zone});
        bool is = truths >> s.first & 1;
        if (at == from->now || is == was) {
            was = is;
            continue;
        }
        was = is;
        if (met >= count && at - changes[met % count] < seconds)
            return *left > 0;
        changes[met++ % count] = at;
    }
    return false;
}

static bool mentions_now(const struct node *n)
{
    bool found = n->kind == NODE_NAME && n->slot == SLOT_NOW;
    for (uint32_t i = 0; i < n->count && !n->constant && !found; i++)
        found = mentions_now(n->items[i]);
    return found && !n->constant;
}

bool condition_depends_on_time(const struct condition *c)
{
    return mentions_now(c->root);
}
