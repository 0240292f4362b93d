/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone.h"

#include "policy/calendar.h"

/* RFC 8536, 3.2: offsets lie between -25 and 26 hours. */
#define OFFSET_FIRST (-25 * 3600 + 1)
#define OFFSET_LAST (26 * 3600 - 1)
/* Farther from 1970 than this (a billion years) nothing is told apart; sums of seconds stay far from their ends. */
#define MOMENT_MAX ((int64_t)1 << 55)

struct change {
    int64_t at;     /* s UTC */
    int32_t offset; /* from then on */
};

enum day_kind {
    DAY_NOT_LEAP, /* Jn: 1..365, 29 February is never counted */
    DAY_OF_YEAR,  /* n: 0..365 */
    DAY_OF_MONTH, /* Mm.w.d: weekday d (0 is Sunday) of week w (5: the last) of month m */
};

/* When, in every year, the clock is changed. */
struct yearly {
    enum day_kind kind;
    unsigned day, week, month;
    int32_t time; /* s after local midnight, as the clock showed before; from -167 to 167 hours */
};

/* POSIX's TZ, without the names: "std offset [dst [offset] , begin , end]". */
struct rule {
    int32_t standard, summer; /* s ahead of UTC */
    bool changes;             /* between the two; else it is `standard` for ever */
    struct yearly begin, end; /* of summer time */
};

struct zone {
    int32_t first; /* offset before the first change */
    size_t count;
    struct change *changes; /* ascending */
    bool ruled;             /* `rule` holds from the last change on */
    struct rule rule;
};

/* ---- the table ---- */

struct header {
    uint8_t version; /* 0, '2', '3', ... */
    uint32_t isut, isstd, leap, time, type, chars; /* counts, in the file's order */
};

static bool read_header(struct cursor *c, struct header *ret)
{
    struct bytes magic;
    return cursor_read(c, 4, &magic) && bytes_equal(magic, bytes_of_text("TZif")) && cursor_u8(c, &ret->version) &&
           (ret->version == 0 || ret->version >= '2') && cursor_skip(c, 15) && cursor_u32(c, &ret->isut) &&
           cursor_u32(c, &ret->isstd) && cursor_u32(c, &ret->leap) && cursor_u32(c, &ret->time) &&
           cursor_u32(c, &ret->type) && cursor_u32(c, &ret->chars);
}

/* What lies behind the types; `width`: octets of a time. */
static bool skip_rest(struct cursor *c, const struct header *h, size_t width)
{
    return cursor_skip(c, h->chars) && cursor_skip(c, (size_t)h->leap * (width + 4)) && cursor_skip(c, h->isstd) &&
           cursor_skip(c, h->isut);
}

static bool skip_block(struct cursor *c, const struct header *h, size_t width)
{
    return cursor_skip(c, (size_t)h->time * width) && cursor_skip(c, h->time) && cursor_skip(c, (size_t)h->type * 6) &&
           skip_rest(c, h, width);
}

static bool read_time(struct cursor *c, size_t width, int64_t *ret)
{
    uint32_t high, low;
    if (!cursor_u32(c, &high))
        return false;
    *ret = (int32_t)high;
    if (width == 4)
        return true;
    if (!cursor_u32(c, &low))
        return false;
    *ret = (int64_t)((uint64_t)high << 32 | low);
    return true;
}

static bool read_types(struct cursor *c, uint32_t count, int32_t offsets[256])
{
    uint32_t offset;
    for (uint32_t i = 0; i < count; i++) {
        if (!cursor_u32(c, &offset) || !cursor_skip(c, 2))
            return false;
        offsets[i] = (int32_t)offset;
        if (offsets[i] < OFFSET_FIRST || offsets[i] > OFFSET_LAST)
            return false;
    }
    return true;
}

static bool read_changes(struct zone *z, struct cursor *times, struct cursor *indexes, size_t width, const struct header *h,
    const int32_t offsets[256])
{
    for (z->count = 0; z->count < h->time; z->count++) {
        struct change *change = &z->changes[z->count];
        uint8_t type;
        if (!read_time(times, width, &change->at) || !cursor_u8(indexes, &type) || type >= h->type ||
            (z->count > 0 && change->at <= change[-1].at))
            return false;
        change->offset = offsets[type];
    }
    return true;
}

/* NULL is right; else what is wrong, or "" when memory is out. */
static const char *read_block(struct cursor *c, const struct header *h, size_t width, struct arena *arena, struct zone *z)
{
    static const char broken[] = "its table of changes is broken";
    struct bytes times, indexes;
    int32_t offsets[256];
    if (h->leap)
        return "it counts leap seconds";
    if (h->type == 0 || h->type > 256 || !cursor_read(c, (size_t)h->time * width, &times) || !cursor_read(c, h->time, &indexes) ||
        !read_types(c, h->type, offsets) || !skip_rest(c, h, width))
        return broken;
    z->first = offsets[0];
    z->changes = arena_array(arena, h->time, sizeof *z->changes);
    if (!z->changes)
        return "";
    struct cursor times_left = cursor_over(times), indexes_left = cursor_over(indexes);
    return read_changes(z, &times_left, &indexes_left, width, h, offsets) ? NULL : broken;
}

/* ---- the rule behind it ---- */

static int peek(const struct cursor *c)
{
    return cursor_left(c) ? c->all.at[c->at] : -1;
}

static bool take(struct cursor *c, char wanted)
{
    return peek(c) == wanted && cursor_skip(c, 1);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool read_number(struct cursor *c, unsigned least, unsigned most, unsigned *ret)
{
    uint8_t digit;
    unsigned n = 0;
    if (!is_digit(peek(c)))
        return false;
    while (is_digit(peek(c)) && cursor_u8(c, &digit)) {
        n = n * 10 + (unsigned)(digit - '0');
        if (n > most)
            return false;
    }
    *ret = n;
    return n >= least;
}

/* CET, or <+0545>. */
static bool skip_name(struct cursor *c)
{
    bool quoted = take(c, '<');
    size_t length = 0;
    for (int next = peek(c); is_letter(next) || (quoted && (is_digit(next) || next == '+' || next == '-')); next = peek(c), length++)
        if (!cursor_skip(c, 1))
            return false;
    return length >= 3 && (!quoted || take(c, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool read_clock(struct cursor *c, unsigned hours_max, int32_t *ret)
{
    unsigned hours, minutes = 0, seconds = 0;
    bool negative = take(c, '-');
    if (!negative && peek(c) == '+' && !cursor_skip(c, 1))
        return false;
    if (!read_number(c, 0, hours_max, &hours))
        return false;
    if (take(c, ':') && (!read_number(c, 0, 59, &minutes) || (take(c, ':') && !read_number(c, 0, 59, &seconds))))
        return false;
    *ret = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    if (negative)
        *ret = -*ret;
    return true;
}

/* POSIX counts westwards. */
static bool read_offset(struct cursor *c, int32_t *ret)
{
    if (!read_clock(c, 24, ret))
        return false;
    *ret = -*ret;
    return true;
}

static bool read_yearly(struct cursor *c, struct yearly *ret)
{
    bool ok;
    if (take(c, 'J')) {
        ret->kind = DAY_NOT_LEAP;
        ok = read_number(c, 1, 365, &ret->day);
    } else if (take(c, 'M')) {
        ret->kind = DAY_OF_MONTH;
        ok = read_number(c, 1, 12, &ret->month) && take(c, '.') && read_number(c, 1, 5, &ret->week) && take(c, '.') &&
             read_number(c, 0, 6, &ret->day);
    } else {
        ret->kind = DAY_OF_YEAR;
        ok = read_number(c, 0, 365, &ret->day);
    }
    ret->time = 2 * 3600;
    return ok && (!take(c, '/') || read_clock(c, 167, &ret->time));
}

/* RFC 8536, 3.3: the rest is a newline, POSIX's TZ or nothing, and a newline. */
static bool read_footer(struct cursor *c, struct zone *z)
{
    struct rule *r = &z->rule;
    if (!take(c, '\n'))
        return false;
    if (take(c, '\n'))
        return true;
    z->ruled = true;
    if (!skip_name(c) || !read_offset(c, &r->standard))
        return false;
    if (take(c, '\n'))
        return true;
    r->changes = true;
    r->summer = r->standard + 3600;
    if (!skip_name(c) || (peek(c) != ',' && !read_offset(c, &r->summer)))
        return false;
    return take(c, ',') && read_yearly(c, &r->begin) && take(c, ',') && read_yearly(c, &r->end) && take(c, '\n');
}

static const char *read_zone(struct bytes tzif, struct arena *arena, struct zone *z)
{
    static const char not_tzif[] = "it is not TZif (RFC 8536)";
    struct cursor c = cursor_over(tzif);
    struct header h;
    if (!read_header(&c, &h))
        return not_tzif;
    if (h.version == 0)
        return read_block(&c, &h, 4, arena, z);
    /* From version 2 on, all stands again with times of eight octets; the first block is for older readers. */
    if (!skip_block(&c, &h, 4) || !read_header(&c, &h))
        return not_tzif;
    const char *why = read_block(&c, &h, 8, arena, z);
    return why || read_footer(&c, z) ? why : "its rule for the years to come is broken";
}

struct zone *zone_parse(struct bytes tzif, struct arena *arena, const char **ret_why)
{
    struct zone *z = arena_alloc(arena, sizeof *z);
    const char *why = z ? read_zone(tzif, arena, z) : "";
    *ret_why = why && *why ? why : NULL;
    return why ? NULL : z;
}

/* ---- asking ---- */

static int64_t day_of(const struct yearly *y, int64_t year)
{
    int64_t january = days_of_date(year, 1, 1), march = days_of_date(year, 3, 1);
    if (y->kind == DAY_OF_YEAR)
        return january + y->day;
    if (y->kind == DAY_NOT_LEAP)
        return january + y->day - 1 + (y->day >= 60 && march - january == 60);
    int64_t first = days_of_date(year, y->month, 1), behind = y->month == 12 ? days_of_date(year + 1, 1, 1) : days_of_date(year, y->month + 1, 1);
    int64_t day = first + (y->day + 7 - weekday_of_days(first)) % 7 + 7 * (int64_t)(y->week - 1);
    return day < behind ? day : day - 7;
}

/* The change at or before `at` that is the latest, and the first behind it. */
struct around {
    int64_t at;
    int64_t last, next;
    int32_t offset; /* since `last` */
};

static void see(struct around *a, int64_t change, int32_t offset)
{
    if (change > a->at) {
        a->next = change < a->next ? change : a->next;
    } else if (change >= a->last) { /* where summer time begins as that of the year before ends, it does not end */
        a->last = change;
        a->offset = offset;
    }
}

/* A change may be up to nine days outside its year: two years back there is surely one before, and two on one behind. */
static struct around find_around(const struct rule *r, int64_t at)
{
    struct around a = {.at = at, .last = INT64_MIN, .next = INT64_MAX, .offset = r->standard};
    int64_t year = date_of_days(floor_divide(at, DAY_SECONDS)).year;
    for (int64_t y = year - 2; r->changes && y <= year + 2; y++) {
        see(&a, day_of(&r->begin, y) * DAY_SECONDS + r->begin.time - r->standard, r->summer);
        see(&a, day_of(&r->end, y) * DAY_SECONDS + r->end.time - r->summer, r->standard);
    }
    return a;
}

/* Between two changes the answer is the same, and who asks asks of many moments close to each other: the last one is kept. */
static struct around look_around(const struct rule *r, int64_t at)
{
    static _Thread_local struct {
        struct rule rule;
        struct around around;
        bool filled;
    } kept;
    if (!kept.filled || at < kept.around.last || at >= kept.around.next || memcmp(&kept.rule, r, sizeof *r) != 0) {
        memcpy(&kept.rule, r, sizeof *r);
        kept.around = find_around(r, at);
        kept.filled = true;
    }
    struct around ret = kept.around;
    ret.at = at;
    return ret;
}

static int64_t clamped(int64_t at)
{
    return at < -MOMENT_MAX ? -MOMENT_MAX : at > MOMENT_MAX ? MOMENT_MAX : at;
}

/* How many changes there were until `at`, itself too. */
static size_t changes_until(const struct zone *z, int64_t at)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset(const struct zone *z, int64_t at)
{
    if (!z)
        return 0;
    size_t before = changes_until(z, at);
    if (before == z->count && z->ruled)
        return look_around(&z->rule, clamped(at)).offset;
    return before ? z->changes[before - 1].offset : z->first;
}

int64_t zone_next_change(const struct zone *z, int64_t at)
{
    if (!z)
        return INT64_MAX;
    size_t before = changes_until(z, at);
    if (before < z->count)
        return z->changes[before].at;
    return z->ruled && z->rule.changes ? look_around(&z->rule, clamped(at)).next : INT64_MAX;
}
