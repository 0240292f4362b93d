/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/regex.h"

#include "waf/operator/begins.h"
#include "waf/pattern/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Bytes of a machine stack for the compiled code; 32 KiB are PCRE2's own, too few for the Core Rule Set's longest (pcre2jit). */
#define STACK_START ((size_t)32 << 10)
#define STACK_MAX ((size_t)1 << 20)

/* What may be done between two questions to the watch: some tenths of a second of steps. */
#define STEPS_UNWATCHED ((size_t)1 << 28)
#define STARTS_MIN ((size_t)4)
/* Microseconds between two questions: for twice as many starts until the next, or half. Rule 941160 of the Core Rule Set
 * takes milliseconds at each `<` in a few thousand bytes of `< `, and on most values nothing. */
#define QUICK 1000
#define SLOW 20000

/* Of our own, beside PCRE2's. */
#define ERROR_STOPPED (-1000000)

/* Bytes that an expression begins with. In values that are longer than so many PCRE2 is faster in looking for them. */
#define LITERAL_MAX 32
#define SHORT_MAX 64

/* As the library made it. */
struct regex_code {
    pcre2_code *code;
    bool native; /* to machine code */
    struct begins begins;
};

struct regex {
    struct bytes pattern; /* looked at as long as there is no code */
    bool caseless;
    _Atomic(struct regex_code *) code; /* set once, by the first that is done */
    /* What stands in every match first, in lower case: most names are seen by it not to match. Empty: not known. */
    char literal[LITERAL_MAX];
    size_t literal_len;
    bool at_line;  /* and where a line begins */
    bool no_more;  /* what has it so, whatever its case, matches */
    struct words words;
    bool whole;    /* every value matches, as a whole */
    bool at_once;  /* it asks where the search began (\G), and cannot be done piece by piece */
};

struct regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct regex_limits limits;
    struct regex_watch watch;
};

/* The bytes that it begins with, behind a leading `^`; but for the last, when what follows may say that it can be missing. */
static void find_literal(struct bytes pattern, struct regex *r)
{
    size_t at = 0;
    if (!pattern.len || memchr(pattern.at, '|', pattern.len))
        return;
    r->at_line = pattern.at[0] == '^';
    at += r->at_line;
    for (uint8_t c; r->literal_len < LITERAL_MAX && words_byte(pattern, &at, &c); r->literal_len++)
        r->literal[r->literal_len] = (char)byte_lower(c);
    bool ended = at == pattern.len;
    r->no_more = ended && r->caseless && r->literal_len;
    r->literal_len -= !ended && r->literal_len;
}

static bool begins_so(const struct regex *r, struct bytes value)
{
    return bytes_begin_caseless(value, bytes_of(r->literal, r->literal_len));
}

static bool has_literal(const struct regex *r, struct bytes value)
{
    for (size_t i = 0; i + r->literal_len <= value.len; i++)
        if (byte_lower(value.at[i]) == (uint8_t)r->literal[0] && begins_so(r, bytes_slice(value, i, r->literal_len)))
            return true;
    return false;
}

/* Where the literal would have to stand in the value, it does not. */
static bool lacks_literal(const struct regex *r, struct bytes value)
{
    if (!r->literal_len || value.len < r->literal_len)
        return r->literal_len;
    if (r->at_line)
        return !begins_so(r, value) && !memchr(value.at, '\n', value.len);
    return value.len <= SHORT_MAX && !has_literal(r, value);
}

/* No more has to be known than that the literal is there, and it is. */
static bool has_all(const struct regex *r, struct bytes value)
{
    return r->no_more && (r->at_line ? begins_so(r, value) : value.len <= SHORT_MAX && has_literal(r, value));
}

static void code_free(struct regex_code *c)
{
    if (!c)
        return;
    pcre2_code_free(c->code);
    free(c);
}

/* No (*UTF): compiled code takes it for granted that a value is UTF-8, and reads past the end of one that is not. */
uint32_t regex_options(bool caseless)
{
    return PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_UTF | (caseless ? PCRE2_CASELESS : 0);
}

/* Behind groups that open there. False: one of them may be a look at what stands around, which takes no byte. */
static bool pass_openings(struct bytes e, size_t *at)
{
    while (*at < e.len && e.at[*at] == '(') {
        (*at)++;
        if (*at == e.len || e.at[*at] != '?')
            continue;
        while (++*at < e.len && (byte_is_alnum(e.at[*at]) || e.at[*at] == '-'))
            ;
        if (*at == e.len || e.at[(*at)++] != ':')
            return false;
    }
    return true;
}

/* The last byte of what stands at `at`: an escape and what it escapes, a class, or a byte. */
static size_t end_of_atom(struct bytes e, size_t at)
{
    if (e.at[at] == '\\')
        return at + 1;
    if (e.at[at] != '[')
        return at;
    at += at + 1 < e.len && e.at[at + 1] == '^' ? 2 : 1;
    at += at < e.len && e.at[at] == ']' ? 1 : 0;
    while (at < e.len && e.at[at] != ']')
        at += e.at[at] == '\\' ? 2 : 1;
    return at;
}

/* Bytes may mean something else in it: in \Q...\E, comments, and where an option says so. */
static bool is_of_other_syntax(struct bytes e)
{
    return (e.len && (memmem(e.at, e.len, "\\Q", 2) || memmem(e.at, e.len, "(?#", 3))) || pattern_may_skip_blanks(e);
}

/*
 * PCRE2 10.42's compiled code misses matches of expressions in which an alternative behind another takes no byte, as
 * `(?:=|^)a*[b=]` in "=": it looks for their beginnings among too few bytes. Where there may be such a one, it does not look.
 */
static bool has_empty_alternative(struct bytes e)
{
    if (is_of_other_syntax(e))
        return e.len && memchr(e.at, '|', e.len);
    for (size_t i = 0; i < e.len; i = end_of_atom(e, i) + 1) {
        size_t at = i + 1;
        if (e.at[i] != '|')
            continue;
        if (!pass_openings(e, &at) || at == e.len || strchr(")|^$", e.at[at]))
            return true;
        if (e.at[at] == '\\' && at + 1 < e.len && strchr("AzZGbBK", e.at[at + 1]))
            return true;
    }
    return false;
}

/* NULL, and why. */
static struct regex_code *code_compile(struct bytes pattern, bool caseless, struct regex_error *ret_error)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    *ret_error = (struct regex_error){.text = "out of memory"};
    struct regex_code *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    const uint8_t *at = pattern.len ? pattern.at : (const uint8_t *)"";
    uint32_t options = regex_options(caseless) | (has_empty_alternative(pattern) ? PCRE2_NO_START_OPTIMIZE : 0);
    c->code = pcre2_compile(at, pattern.len, options, &error, &offset, NULL);
    if (!c->code) {
        pcre2_get_error_message(error, (PCRE2_UCHAR *)ret_error->text, sizeof ret_error->text);
        ret_error->offset = offset;
        free(c);
        return NULL;
    }
    c->native = pcre2_jit_compile(c->code, PCRE2_JIT_COMPLETE) == 0;
    /* To read a property its expression is compiled (pattern/class.c), which would be read again. */
    bool has_property = pattern.len && (memmem(pattern.at, pattern.len, "\\p", 2) || memmem(pattern.at, pattern.len, "\\P", 2));
    uint32_t first;
    if (!has_property && pcre2_pattern_info(c->code, PCRE2_INFO_FIRSTCODETYPE, &first) == 0 && !first)
        begins_read(pattern, &c->begins);
    return c;
}

struct regex *regex_expect(struct bytes pattern, bool caseless)
{
    struct regex *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->pattern = pattern;
    r->caseless = caseless;
    find_literal(pattern, r);
    words_read(pattern, caseless, &r->words);
    r->whole = bytes_equal(pattern, bytes_of_text("^.*$")) || bytes_equal(pattern, bytes_of_text(".*"));
    r->at_once = pattern.len && memmem(pattern.at, pattern.len, "\\G", 2) != NULL;
    return r;
}

struct regex *regex_compile(struct bytes pattern, bool caseless, struct regex_error *ret_error)
{
    struct regex_code *code = code_compile(pattern, caseless, ret_error);
    struct regex *r = code ? regex_expect(pattern, caseless) : NULL;
    if (!r) {
        code_free(code);
        return NULL;
    }
    r->pattern = (struct bytes){0};
    atomic_init(&r->code, code);
    return r;
}

/* Two threads may compile it at once; one of them was for nothing. */
static const struct regex_code *code_of(const struct regex *r)
{
    struct regex *shared = (struct regex *)r; /* its code is all of it that changes */
    struct regex_code *code = atomic_load_explicit(&shared->code, memory_order_acquire), *none = NULL;
    struct regex_error ignored;
    if (code)
        return code;
    code = code_compile(r->pattern, r->caseless, &ignored);
    if (!code || atomic_compare_exchange_strong(&shared->code, &none, code))
        return code;
    code_free(code);
    return none;
}

bool regex_ready(const struct regex *r)
{
    return code_of(r);
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    code_free(r->code);
    free(r);
}

struct regex_scratch *regex_scratch_create(const struct regex_limits *limits)
{
    struct regex_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->data = pcre2_match_data_create(REGEX_CAPTURES_MAX, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
    if (!s->data || !s->context || !s->stack) {
        regex_scratch_free(s);
        return NULL;
    }
    s->limits = *limits;
    pcre2_set_match_limit(s->context, limits->match);
    pcre2_set_depth_limit(s->context, limits->depth);
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    free(s);
}

void regex_scratch_watch(struct regex_scratch *s, struct regex_watch watch)
{
    s->watch = watch;
}

static enum regex_result result_of(int code)
{
    if (code >= 0) /* 0: more groups than are captured */
        return REGEX_YES;
    switch (code) {
    case PCRE2_ERROR_NOMATCH:
        return REGEX_NO;
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_JIT_STACKLIMIT:
        return REGEX_LIMIT;
    case ERROR_STOPPED:
        return REGEX_STOPPED;
    default:
        return REGEX_ERROR;
    }
}

/* Matches that begin at `from` or behind, but not behind `last`. */
static int match_within(const struct regex_code *c, struct regex_scratch *s, struct bytes value, size_t from, size_t last)
{
    const uint8_t *at = value.len ? value.at : (const uint8_t *)"";
    pcre2_set_offset_limit(s->context, last);
    int code = c->native ? pcre2_jit_match(c->code, at, value.len, from, 0, s->data, s->context)
                         : pcre2_match(c->code, at, value.len, from, 0, s->data, s->context);
    /* Too deep for the compiled code's stack: the interpreter keeps its own on the heap, under the same limits. */
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(c->code, at, value.len, from, PCRE2_NO_JIT, s->data, s->context);
    return code;
}

static size_t starts_of(size_t cost, size_t least)
{
    size_t starts = STEPS_UNWATCHED / (cost ? cost : 1);
    return starts < least ? least : starts;
}

/* If each start takes as many steps as the value or the match limit let it. */
static size_t starts_most(const struct regex_scratch *s, size_t len)
{
    return starts_of(len > s->limits.match ? len : s->limits.match, STARTS_MIN);
}

/* If each of these steps goes over the whole value. */
static size_t starts_first(const struct regex_scratch *s, size_t len)
{
    size_t cost;
    return __builtin_mul_overflow(len ? len : 1, s->limits.match, &cost) ? 1 : starts_of(cost, 1);
}

static uint64_t now(const struct regex_scratch *s)
{
    return s->watch.microseconds ? s->watch.microseconds(s->watch.context) : 0;
}

static size_t starts_next(size_t starts, size_t most, uint64_t took)
{
    if (took < QUICK)
        return starts < most / 2 ? starts * 2 : most;
    return took > SLOW && starts > 1 ? starts / 2 : starts;
}

/* How many starts there are between two questions to the watch, and until the next. */
struct pace {
    bool watched;
    size_t starts, most, left;
    uint64_t began;
};

static struct pace pace_begin(const struct regex *r, const struct regex_scratch *s, size_t len, size_t from)
{
    struct pace p = {0};
    if (!s->watch.goes_on || r->at_once)
        return p;
    p.most = starts_most(s, len);
    p.left = p.starts = s->watch.microseconds ? starts_first(s, len) : p.most;
    p.watched = len - from >= p.starts;
    if (p.watched)
        p.began = now(s);
    return p;
}

/* Before more starts. False: the watch ends the search. */
static bool pace_on(struct pace *p, const struct regex_scratch *s)
{
    if (!p->watched || p->left)
        return true;
    if (!s->watch.goes_on(s->watch.context))
        return false;
    uint64_t time = now(s);
    p->left = p->starts = starts_next(p->starts, p->most, time - p->began);
    p->began = time;
    return true;
}

/* Matches that begin from one place to another, the last among them. */
static int match_places(const struct regex_code *c, struct regex_scratch *s, struct bytes value, struct places at, struct pace *p)
{
    while (at.first <= at.last) {
        size_t starts = at.last - at.first + 1;
        if (!pace_on(p, s))
            return ERROR_STOPPED;
        if (p->watched && starts > p->left)
            starts = p->left;
        int code = match_within(c, s, value, at.first, at.first + starts - 1);
        if (code != PCRE2_ERROR_NOMATCH)
            return code;
        p->left -= p->watched ? starts : 0;
        at.first += starts;
    }
    return PCRE2_ERROR_NOMATCH;
}

static int match_from(const struct regex *r, struct regex_scratch *s, struct bytes value, size_t from)
{
    const struct regex_code *c = code_of(r);
    if (!c)
        return PCRE2_ERROR_NOMEMORY;
    struct pace p = pace_begin(r, s, value.len, from);
    struct places at = {from, value.len, 0};
    if (from || !c->begins.known || r->at_once)
        return match_places(c, s, value, at, &p);
    int code = PCRE2_ERROR_NOMATCH;
    do {
        if (begins_next(&c->begins, value, at.next, &at))
            code = match_places(c, s, value, at, &p);
    } while (code == PCRE2_ERROR_NOMATCH && at.next < value.len);
    return code;
}

enum regex_result regex_match_from(const struct regex *r, struct regex_scratch *s, struct bytes value, size_t from, struct match *ret, size_t *ret_count)
{
    int code = match_from(r, s, value, from);
    enum regex_result result = result_of(code);
    if (result != REGEX_YES || !ret)
        return result;
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(s->data);
    *ret_count = code ? (size_t)code : REGEX_CAPTURES_MAX;
    for (size_t i = 0; i < *ret_count; i++) {
        bool set = ends[2 * i] <= ends[2 * i + 1] && ends[2 * i + 1] <= value.len;
        ret[i] = set ? (struct match){ends[2 * i], ends[2 * i + 1] - ends[2 * i]} : (struct match){REGEX_UNSET, 0};
    }
    return result;
}

static enum regex_result take_match(struct match found, struct match *ret, size_t *ret_count)
{
    if (ret) {
        *ret = found;
        *ret_count = 1;
    }
    return REGEX_YES;
}

/* What is seen without a search; a match is then in `*ret_found`. */
static inline enum words_result glance(const struct regex *r, struct bytes value, struct match *ret_found)
{
    *ret_found = (struct match){0, value.len};
    if (lacks_literal(r, value))
        return WORDS_NO;
    if (r->whole)
        return WORDS_YES;
    return r->words.count ? words_find(&r->words, value, ret_found) : WORDS_UNKNOWN;
}

enum words_result regex_glance(const struct regex *r, struct bytes value)
{
    struct match ignored;
    return glance(r, value, &ignored);
}

enum regex_result regex_match(const struct regex *r, struct regex_scratch *s, struct bytes value, struct match *ret, size_t *ret_count)
{
    struct match found;
    enum words_result seen = !ret && has_all(r, value) ? WORDS_YES : glance(r, value, &found);
    if (seen == WORDS_UNKNOWN)
        return regex_match_from(r, s, value, 0, ret, ret_count);
    return seen == WORDS_YES ? take_match(found, ret, ret_count) : REGEX_NO;
}
