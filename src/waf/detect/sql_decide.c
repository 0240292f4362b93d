/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides by grammar. A value that is only data is one operand of the application's expression. The walk below
 * reads the value as the continuation of such an expression, where an operand and an operator alternate, in each
 * way that it can stand there; what breaks the grammar (two names side by side: prose) ends the walk. An injection
 * is a value that keeps to the grammar until it has changed the structure: a condition of its own, a second query,
 * a statement behind a semicolon, a comment over what follows, a clause, a subquery, a call of a dangerous function.
 */
#include "base/block.h"
#include "waf/detect/detect.h"
#include "waf/detect/sql_walk.h"

static void record(struct sql_walk *w, struct sql_token token)
{
    if (w->seen < DETECT_FINGERPRINT - 1 && token.class != SQL_END)
        w->fingerprint[w->seen] = (char)token.class;
    w->seen++;
    w->before = w->current;
    w->current = token;
}

static struct sql_token take(struct sql_walk *w)
{
    struct sql_token token = sql_look(w, 0);
    if (--w->ahead_count)
        memmove(w->ahead, w->ahead + 1, w->ahead_count * sizeof w->ahead[0]);
    record(w, token);
    return token;
}

enum ending { BY_VALUE, BY_COMMENT, BY_OPERATOR };

/* Words in what a comment hides, or in the string behind the last quote, say that this is a sentence. */
static bool reads_as_prose(struct bytes text)
{
    size_t spaces = 0, letters = 0;
    for (size_t i = 0; i < text.len && i < 80; i++) {
        spaces += text.at[i] == ' ' && i + 1 < text.len && (text.at[i + 1] | 0x20) >= 'a' && (text.at[i + 1] | 0x20) <= 'z';
        letters += (text.at[i] | 0x20) >= 'a' && (text.at[i] | 0x20) <= 'z';
    }
    return spaces >= 1 && letters >= 4;
}

/* Behind its quote, a string of which an attack leaves the end to the application: a word or a pattern. */
static bool is_simple(struct bytes string)
{
    for (size_t i = 1; i < string.len; i++) {
        uint8_t c = string.at[i];
        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && !memchr("%_'.*^$+-", c, 9))
            return false;
    }
    return true;
}

/* The term that ends here changes the expression's truth or value. */
static bool term_decides(const struct sql_walk *w, enum ending how)
{
    const struct sql_term *t = &w->term;
    bool strong = t->number || t->call || t->name;
    if (w->quote) {
        if (w->code && !t->number && !t->call)
            return false;
        bool closes = t->open_string || how == BY_COMMENT; /* the application's closing quote is accounted for */
        if (t->open_string && !t->number && !t->call && w->prose && !is_simple(w->open_string) && !(w->logic && t->compared))
            return false; /* such as LIKE '%a%' in a sentence, return "|".join(x) */
        if (w->logic)
            return t->compared || t->number || t->call || closes;
        if (t->compared)
            return t->number || t->constant || t->call || closes;
        return w->arithmetic && (closes || t->call) && how != BY_OPERATOR && (strong || t->open_string);
    }
    if (w->logic && t->number && !t->name && w->tokens.commented) /* 1 or 1 is prose, 1 or 1 with comments in it is not */
        return true;
    if (w->logic)
        return t->compared && (w->number_first || !t->name || t->call) && !(t->name && w->assigned);
    if (w->number_first && t->compared && t->call && how != BY_OPERATOR)
        return true;
    return t->is_test && w->number_first && how != BY_OPERATOR && w->single;
}

/* #fff and --flag, unlike a comment that white space sets apart. */
static bool touches(struct bytes comment)
{
    bool hash = comment.len && comment.at[0] == '#';
    size_t mark = hash ? 1 : 2;
    return comment.len > mark && comment.at[mark] > ' ' && !memchr("'\"-+", comment.at[mark], hash ? 2 : 4);
}

static bool comment_decides(struct sql_walk *w, struct sql_token comment)
{
    struct bytes text = bytes_slice(w->tokens.left.all, comment.at, comment.len);
    if (term_decides(w, BY_COMMENT))
        return true;
    if (w->quote && w->single && (w->prose || w->code) && touches(text) && memchr(text.at, w->quote, text.len))
        return false; /* the value has the other quote itself: color = '#fff', ('--flag') */
    if (w->quote)
        return w->have && !(w->single && w->prose && reads_as_prose(text)) && !(w->code && w->single && reads_as_prose(text));
    /* 1 -- : one number, and a comment of two dashes */
    return w->have && w->number_first && text.len >= 2 && text.at[0] == '-' && !reads_as_prose(text) && w->single;
}

static void begin_term(struct sql_walk *w)
{
    w->term = (struct sql_term){0};
    w->arithmetic = false;
}

/* Adds an operand to the term. */
static void operand(struct sql_walk *w, struct sql_token token)
{
    struct sql_term *t = &w->term;
    t->open_string = token.class == SQL_STRING && token.open;
    if (t->open_string)
        w->open_string = bytes_slice(w->tokens.left.all, token.at, token.len);
    t->number |= token.class == SQL_NUMBER || token.class == SQL_VALUE;
    t->constant |= sql_is_constant(token);
    t->name |= token.class == SQL_NAME || token.class == SQL_FUNCTION;
    w->have = true;
}

enum step { GO_ON, BROKEN, INJECTION };

/* IF(, CASE, (SELECT, f( and all that begins an operand. */
static enum step step_without_operand(struct sql_walk *w)
{
    struct sql_token token = take(w);
    struct sql_token next;
    switch (token.class) {
    case SQL_NUMBER:
    case SQL_STRING:
    case SQL_VARIABLE:
    case SQL_VALUE:
        operand(w, token);
        w->term.call |= token.class == SQL_VARIABLE && (w->quote || w->logic);
        return GO_ON;
    case SQL_SIGN:
    case SQL_PREFIX:
        return GO_ON;
    case SQL_NAME:
    case SQL_FUNCTION:
    case SQL_WEAPON:
        next = sql_look(w, 0);
        if (next.class != SQL_OPEN) {
            operand(w, token);
            return GO_ON;
        }
        if (token.class == SQL_WEAPON && sql_weapon_is_called(w, 0))
            return INJECTION;
        w->term.call |= token.class == SQL_FUNCTION || w->quote;
        w->term.name |= token.class == SQL_NAME;
        if ((sql_is_word(token, SQL_W_IF) || sql_is_word(token, SQL_W_IIF)) && !w->conditional_depth) {
            w->conditional_depth = w->depth + 1;
            w->conditional_commas = 0;
        }
        return GO_ON;
    case SQL_OPEN:
        w->depth++;
        next = sql_look(w, 0);
        if (next.class == SQL_SELECT && sql_select_list_at(w, 1))
            return INJECTION;
        if (next.class == SQL_CLOSE) {
            take(w);
            w->depth--;
            w->have = true;
        }
        return GO_ON;
    case SQL_STAR:
        w->have = w->before.class == SQL_OPEN;
        return w->have ? GO_ON : BROKEN;
    case SQL_CASE:
        if (!sql_is_word(token, SQL_W_CASE) && !sql_is_word(token, SQL_W_WHEN))
            return BROKEN;
        w->in_case = true;
        return GO_ON;
    case SQL_VERB: /* LEFT, REPLACE( ... are functions too; a verb here is none */
        return BROKEN;
    case SQL_BRACE:
        next = sql_look(w, 0);
        if (next.class != SQL_NAME)
            return BROKEN;
        take(w);
        return GO_ON;
    default:
        return BROKEN;
    }
}

static enum step step_logic(struct sql_walk *w, struct sql_token token)
{
    bool symbol = token.word == SQL_W_NONE;
    if (sql_is_word(token, SQL_W_AND) && w->between) {
        w->between = false;
        w->have = false;
        return GO_ON;
    }
    if (symbol && w->quote && w->arithmetic)
        return w->have = false, GO_ON;
    if (w->logic && term_decides(w, BY_OPERATOR) && !(w->quote && w->term.open_string))
        return INJECTION;
    w->assigned |= !w->logic && w->term.compared && w->term.name;
    begin_term(w);
    w->single = false;
    w->logic = true;
    w->have = false;
    if (!w->evidence)
        w->evidence = token.at + 1;
    return GO_ON;
}

static enum step step_compare(struct sql_walk *w, struct sql_token token)
{
    struct sql_token next = sql_look(w, 0);
    w->have = false;
    w->term.compared = true;
    switch (token.word) {
    case SQL_W_IS:
        w->term.is_test = next.class == SQL_VALUE || (sql_is_word(next, SQL_W_NOT) && sql_look(w, 1).class == SQL_VALUE);
        return GO_ON;
    case SQL_W_IN:
        return next.class == SQL_OPEN ? GO_ON : BROKEN;
    case SQL_W_BETWEEN:
        w->between = true;
        w->term.is_test = true;
        return GO_ON;
    case SQL_W_SOUNDS:
        take(w);
        return GO_ON;
    default:
        return GO_ON;
    }
}

static enum step step_close(struct sql_walk *w)
{
    if (w->conditional_depth && w->depth == w->conditional_depth) {
        if (w->conditional_commas == 2 && (w->term.compared || w->quote || w->single || w->arithmetic))
            return INJECTION;
        w->conditional_depth = 0;
    }
    if (w->depth)
        w->depth--;
    return GO_ON;
}

static enum step step_case(struct sql_walk *w, struct sql_token token)
{
    if (!w->in_case)
        return BROKEN;
    if (sql_is_word(token, SQL_W_THEN))
        return INJECTION;
    w->have = sql_is_word(token, SQL_W_END);
    return GO_ON;
}

static enum step step_semicolon(struct sql_walk *w)
{
    while (sql_look(w, 0).class == SQL_SEMICOLON)
        take(w);
    if (sql_statement_follows(w, 0) || sql_bare_statement(w))
        return w->assigned && !w->quote ? BROKEN : INJECTION;
    if (sql_look(w, 0).class == SQL_COMMENT && (w->quote || w->number_first))
        return comment_decides(w, sql_look(w, 0)) ? INJECTION : BROKEN;
    return sql_look(w, 0).class == SQL_END && term_decides(w, BY_VALUE) ? INJECTION : BROKEN;
}

static enum step step_with_operand(struct sql_walk *w)
{
    struct sql_token token = sql_look(w, 0);
    if (token.class != SQL_END && token.class != SQL_COMMENT && token.class != SQL_CLOSE && token.class != SQL_SEMICOLON && token.class != SQL_OPEN && !w->evidence)
        w->evidence = token.at + 1;
    if ((token.class == SQL_VERB && sql_bare_statement(w)) || (token.class == SQL_CLAUSE && sql_clause_follows(w)))
        return INJECTION;
    if (w->quote && ((token.class == SQL_WEAPON && sql_weapon_is_called(w, 1)) ||
                     (token.class == SQL_OPEN && sql_look(w, 1).class == SQL_SELECT && sql_select_list_at(w, 2))))
        return INJECTION; /* no operator, so no statement of today; another language's template fills it in */
    take(w);
    switch (token.class) {
    case SQL_END:
        return term_decides(w, BY_VALUE) ? INJECTION : BROKEN;
    case SQL_COMMENT:
        return comment_decides(w, token) ? INJECTION : BROKEN;
    case SQL_LOGIC:
        return step_logic(w, token);
    case SQL_COMPARE:
        w->single = w->single && (sql_is_word(token, SQL_W_IS) || sql_is_word(token, SQL_W_BETWEEN));
        return step_compare(w, token);
    case SQL_PREFIX: /* NOT LIKE, NOT IN */
        return sql_is_word(token, SQL_W_NOT) && sql_look(w, 0).class == SQL_COMPARE ? GO_ON : BROKEN;
    case SQL_SIGN:
    case SQL_STAR:
    case SQL_ARITHMETIC:
        w->arithmetic = true;
        w->single = false;
        w->have = false;
        return GO_ON;
    case SQL_DOT:
    case SQL_COMMA:
        w->conditional_commas += token.class == SQL_COMMA && w->conditional_depth && w->depth == w->conditional_depth;
        w->have = false;
        w->single = w->single && w->depth;
        return GO_ON;
    case SQL_CLOSE:
        return step_close(w);
    case SQL_OPEN:
        w->depth++;
        w->have = false;
        return w->before.class == SQL_NAME ? GO_ON : BROKEN;
    case SQL_BRACE_END:
        return GO_ON;
    case SQL_SEMICOLON:
        return step_semicolon(w);
    case SQL_STRING: /* two literals side by side are one */
        if (w->before.class != SQL_STRING)
            return BROKEN;
        operand(w, token);
        return GO_ON;
    case SQL_UNION:
        return sql_union_follows(w) ? INJECTION : BROKEN;
    case SQL_CASE:
        return step_case(w, token);
    case SQL_CLAUSE: /* CAST(x AS type) */
        if (!sql_is_word(token, SQL_W_AS) || !w->depth || !sql_is_callable(sql_look(w, 0)))
            return BROKEN;
        w->have = false;
        return GO_ON;
    default:
        return BROKEN;
    }
}

/* Before any operand: what closes or ends the application's own expression may come first. */
static enum step step_at_start(struct sql_walk *w)
{
    struct sql_token token = sql_look(w, 0);
    w->number_first = token.class != SQL_NAME && token.class != SQL_FUNCTION;
    if ((token.class == SQL_VERB && sql_bare_statement(w)) ||
        (sql_is_word(token, SQL_W_IF) && sql_look(w, 1).class == SQL_PREFIX && sql_look(w, 2).class == SQL_OPEN))
        return INJECTION;
    if (token.class == SQL_UNION) {
        w->number_first = false;
        take(w);
        return sql_union_follows(w) ? INJECTION : BROKEN;
    }
    if (token.class == SQL_CLOSE || token.class == SQL_SEMICOLON) {
        w->have = true;
        return GO_ON;
    }
    if (token.class == SQL_LOGIC && sql_look(w, 1).class != SQL_LOGIC) {
        w->number_first = false;
        take(w);
        return step_logic(w, token);
    }
    if (token.class == SQL_COMMA)
        take(w);
    return GO_ON;
}

/* SELECT ... FROM name WHERE condition, as the whole value. */
static bool whole_query(struct sql_walk *w)
{
    enum { FARTHEST = 40 };
    if (!sql_select_list_at(w, 1))
        return false;
    bool from = false;
    for (int i = 0; i < FARTHEST; i++) {
        struct sql_token token = take(w);
        from |= sql_is_word(token, SQL_W_FROM);
        if (sql_is_end(token) || token.class == SQL_OTHER)
            return false;
        if (from && token.class == SQL_UNION)
            return sql_union_follows(w);
        if (token.class == SQL_WEAPON && sql_look(w, 0).class == SQL_OPEN)
            return true;
        if (token.class == SQL_OPEN && sql_look(w, 0).class == SQL_SELECT && sql_select_list_at(w, 1))
            return true;
        if ((sql_is_word(token, SQL_W_IF) || sql_is_word(token, SQL_W_IIF)) && sql_look(w, 0).class == SQL_OPEN)
            return true;
        if (from && (w->tokens.commented || sql_is_word(token, SQL_W_WHERE)) && token.class == SQL_CLAUSE)
            return w->tokens.commented || sql_look(w, 1).class == SQL_COMPARE || sql_look(w, 1).class == SQL_OPEN ||
                sql_is_word(sql_look(w, 1), SQL_W_NOT);
    }
    return false;
}

static bool walk(struct sql_walk *w)
{
    enum step step;
    if (!w->quote) {
        if (sql_look(w, 0).class == SQL_SELECT)
            return whole_query(w);
        step = step_at_start(w);
    } else
        step = GO_ON;
    while (step == GO_ON) {
        step = w->have ? step_with_operand(w) : step_without_operand(w);
        if (w->current.class == SQL_END && step == GO_ON)
            step = BROKEN;
    }
    while (step == INJECTION && w->ahead_count) /* the finding shows what was looked at as well */
        take(w);
    return step == INJECTION;
}

static void judge_prefix(struct sql_walk *w, struct bytes prefix)
{
    size_t len = prefix.len;
    while (len && prefix.at[len - 1] == ' ')
        len--;
    if (len > 1 && memchr("rbufL", prefix.at[len - 1], 5) && memchr("=([{,: ", prefix.at[len - 2], 7))
        len--; /* r'' of Python, L"" of C */
    while (len && prefix.at[len - 1] == ' ')
        len--;
    w->code = len && memchr("=([{,:+<>!&|?", prefix.at[len - 1], 13);
    w->prose = prefix.len == 0 || memchr(prefix.at ? prefix.at : (const uint8_t *)"", ' ', prefix.len) != NULL;
}

/* `*ret_differs`: in another dialect it may be read otherwise. */
static bool detect(struct bytes value, char quote, enum sql_dialect dialect, bool *ret_differs, struct sqli_finding *ret)
{
    struct sql_walk w = {.tokens = sql_tokens_over(value, dialect), .quote = quote, .single = true};
    if (quote) {
        struct sql_token prefix;
        bool closed = sql_tokens_close_string(&w.tokens, quote, &prefix);
        *ret_differs = w.tokens.differs;
        if (!closed)
            return false;
        judge_prefix(&w, bytes_slice(value, 0, prefix.len - 1));
        record(&w, prefix);
        w.have = true;
    }
    bool found = walk(&w);
    *ret_differs = w.tokens.differs;
    if (!found)
        return false;
    size_t at = w.evidence ? w.evidence - 1 : 0, end = w.current.at + w.current.len;
    *ret = (struct sqli_finding){.at = at, .len = end > at ? end - at : 0, .quote = quote};
    memcpy(ret->fingerprint, w.fingerprint, sizeof ret->fingerprint);
    return true;
}

/*
 * Behind a comment a number and UNION ALL, whatever follows and stood before: a path in which somebody tries an injection that is
 * not complete yet. The walk does not come that far, and no sentence and no program says it.
 */
static bool union_behind_comment(struct bytes value, struct sqli_finding *ret)
{
    enum { NOTHING, NUMBER, UNION } seen = NOTHING;
    struct sql_tokens tokens = sql_tokens_over(value, SQL_ANSI);
    struct sql_token token;
    for (size_t at = 0; (token = sql_tokens_next(&tokens)).class != SQL_END; tokens.commented = false) {
        if (seen == UNION && sql_is_word(token, SQL_W_ALL)) {
            *ret = (struct sqli_finding){.fingerprint = {SQL_NUMBER, SQL_UNION, SQL_PREFIX}, .at = at, .len = token.at + token.len - at};
            return true;
        }
        if (seen == NUMBER && sql_is_word(token, SQL_W_UNION))
            seen = UNION;
        else
            seen = token.class == SQL_NUMBER && tokens.commented ? NUMBER : NOTHING;
        if (seen == NUMBER)
            at = token.at;
    }
    return false;
}

/* What a byte may be part of. A value without any SEPARATOR, and without two dashes, is one word or path. */
enum mark { QUOTE = 1, DOUBLE = 2, DIALECT = 4, SEPARATOR = 8, DASH = 16, BACKSLASH = 32, STAR = 64 };

static const uint8_t marks[256] = {
    [0 ... ' '] = SEPARATOR,
    ['\''] = QUOTE | SEPARATOR,
    ['"'] = DOUBLE | SEPARATOR,
    ['\\'] = DIALECT | SEPARATOR | BACKSLASH,
    ['#'] = DIALECT | SEPARATOR,
    ['!'] = DIALECT | SEPARATOR,
    ['-'] = DIALECT | DASH,
    ['`'] = SEPARATOR,
    ['('] = SEPARATOR,
    [')'] = SEPARATOR,
    [';'] = SEPARATOR,
    ['='] = SEPARATOR,
    ['<'] = SEPARATOR,
    ['>'] = SEPARATOR,
    ['|'] = SEPARATOR,
    ['&'] = SEPARATOR,
    ['*'] = STAR | SEPARATOR,
    ['^'] = SEPARATOR,
    ['~'] = SEPARATOR,
    ['$'] = SEPARATOR,
    ['['] = SEPARATOR,
    ['{'] = SEPARATOR,
    [0x7f] = SEPARATOR,
    [0xa0] = SEPARATOR,
};

bool sqli_needs(uint8_t byte)
{
    return marks[byte] & (SEPARATOR | DASH);
}

/* Without a loop, which would cost as much as what it does. */
BLOCK_INLINE unsigned marks_of_some(const uint8_t *at, int count)
{
    unsigned has = 0;
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        has |= marks[at[i]];
    return has;
}

/* Of fewer than a block. */
static unsigned marks_of_few(const uint8_t *at, size_t len)
{
    unsigned has = 0;
    if (len & 8) {
        has |= marks_of_some(at, 8);
        at += 8;
    }
    if (len & 4) {
        has |= marks_of_some(at, 4);
        at += 4;
    }
    for (len &= 3; len; len--)
        has |= marks[*at++];
    return has;
}

/* Marks of whole blocks, but for SEPARATOR and DASH. */
static unsigned marks_behind_separator(const uint8_t *at, const uint8_t *end)
{
    block quotes = {0}, doubles = {0}, backslashes = {0}, dialects = {0}, stars = {0};
    for (; at < end; at += BLOCK) {
        block b = block_at(at);
        quotes |= block_is(b, '\'');
        doubles |= block_is(b, '"');
        backslashes |= block_is(b, '\\');
        stars |= block_is(b, '*');
        dialects |= block_is(b, '#') | block_is(b, '!') | block_is(b, '-');
    }
    return (block_bits(quotes) ? QUOTE : 0u) | (block_bits(doubles) ? DOUBLE : 0u) |
        (block_bits(backslashes) ? DIALECT | BACKSLASH : 0u) | (block_bits(dialects) ? DIALECT : 0u) | (block_bits(stars) ? STAR : 0u);
}

/* What the bytes of the value may be part of. Of those behind the first SEPARATOR no DASH is wanted. */
static unsigned marks_of(struct bytes value)
{
    if (!value.len)
        return 0;
    size_t rest = value.len % BLOCK;
    const uint8_t *at = value.at, *end = at + (value.len - rest);
    unsigned has = marks_of_few(end, rest);
    for (; at < end && !(has & SEPARATOR); at += BLOCK)
        has |= marks_of_some(at, BLOCK);
    return at < end ? has | marks_behind_separator(at, end) : has;
}

bool sqli_detect(struct bytes value, struct sqli_finding *ret)
{
    unsigned has = marks_of(value);
    if (!(has & SEPARATOR) && (!(has & DASH) || !memmem(value.at, value.len, "--", 2)))
        return false;
    enum sql_dialect last = has & BACKSLASH ? SQL_MYSQL_PLAIN : has & DIALECT ? SQL_MYSQL : SQL_ANSI;
    static const char quotes[] = {0, '\'', '"'};
    bool differs[] = {true, has & QUOTE, has & DOUBLE};
    for (int d = SQL_ANSI; d <= (int)last; d++)
        for (size_t i = 0; i < sizeof quotes; i++)
            if (differs[i] && detect(value, quotes[i], (enum sql_dialect)d, &differs[i], ret)) /* what it reads as in one is not read again in the next */
                return true;
    return has & STAR && memmem(value.at, value.len, "*/", 2) && union_behind_comment(value, ret);
}
