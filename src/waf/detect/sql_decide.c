/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides by grammar. A value that is only data is one operand of the application's expression. The walk below
 * reads the value as the continuation of such an expression, where an operand and an operator alternate, in each
 * way that it can stand there; what breaks the grammar (two names side by side: prose) ends the walk. An injection
 * is a value that keeps to the grammar until it has changed the structure: a condition of its own, a second query,
 * a statement behind a semicolon, a comment over what follows, a clause, a subquery, a call of a dangerous function.
 */
#include "waf/detect/detect.h"
#include "waf/detect/sql_token.h"

enum { AHEAD = 6 };

/* What the operands since the last logical operator were. */
struct term {
    bool compared;
    bool constant, name, call, empty_string; /* kinds of operands in it */
    bool open_string, closed_string;         /* the last operand is one, and how it ends */
    bool number;
    bool is_test;
};

struct walk {
    struct sql_tokens tokens;
    struct sql_token ahead[AHEAD]; /* read and not yet taken */
    size_t ahead_count;
    struct sql_token current, before;
    char quote;
    bool code;          /* what stands before the quote ends as program text does: x = ' */
    bool prose;         /* or as prose does, in several words, or nothing does */
    bool number_first;  /* the value begins with a number or a bracket, not with a word */
    bool single;        /* nothing but one operand so far */
    bool have;          /* an operand is complete, an operator may follow */
    bool between;       /* the next AND belongs to BETWEEN */
    bool logic;         /* behind a logical operator */
    bool arithmetic;
    bool in_case;
    bool assigned;      /* compared before any logical operator */
    size_t depth, conditional_depth, conditional_commas; /* of IF(a,b,c) */
    struct term term;
    struct bytes open_string; /* what is in the last one */
    char fingerprint[DETECT_FINGERPRINT];
    size_t seen;
    size_t evidence; /* offset of the token that left the operand */
};

static struct sql_token look(struct walk *w, size_t n)
{
    while (w->ahead_count <= n)
        w->ahead[w->ahead_count++] = sql_tokens_next(&w->tokens);
    return w->ahead[n];
}

static void record(struct walk *w, struct sql_token token)
{
    if (w->seen < DETECT_FINGERPRINT - 1 && token.class != SQL_END)
        w->fingerprint[w->seen] = (char)token.class;
    w->seen++;
    w->before = w->current;
    w->current = token;
}

static struct sql_token take(struct walk *w)
{
    struct sql_token token = look(w, 0);
    w->ahead_count--;
    memmove(w->ahead, w->ahead + 1, w->ahead_count * sizeof w->ahead[0]);
    record(w, token);
    return token;
}

static bool is_word(struct sql_token token, enum sql_word word)
{
    return token.word == word && word != SQL_W_NONE;
}

static bool is_end(struct sql_token token)
{
    return token.class == SQL_END || token.class == SQL_COMMENT;
}

static bool is_constant(struct sql_token token)
{
    return token.class == SQL_NUMBER || token.class == SQL_STRING || token.class == SQL_VALUE || token.class == SQL_VARIABLE;
}

static bool is_callable(struct sql_token token)
{
    return token.class == SQL_NAME || token.class == SQL_FUNCTION || token.class == SQL_WEAPON || token.class == SQL_CLAUSE;
}

/* ---- the parts that decide by themselves, looked at from the tokens ahead ---- */

/* Behind SELECT, `at` tokens ahead: a list of columns and not a sentence. */
static bool select_list_at(struct walk *w, size_t at)
{
    struct sql_token first = look(w, at);
    if (first.class == SQL_OPEN)
        return true;
    if (first.class == SQL_PREFIX && at + 1 < AHEAD) /* ALL, DISTINCT, NOT */
        first = look(w, ++at);
    if (is_constant(first) || first.class == SQL_STAR || first.class == SQL_SIGN || first.class == SQL_OPEN)
        return true;
    if (is_word(first, SQL_W_CASE))
        return at + 1 >= AHEAD || look(w, at + 1).class != SQL_END;
    if (is_word(first, SQL_W_FROM)) /* SELECT without columns, which PostgreSQL reads */
        return true;
    if (!is_callable(first) || at + 1 >= AHEAD)
        return false;
    struct sql_token second = look(w, at + 1);
    if (w->tokens.commented && second.class == SQL_NAME)
        return true;
    return second.class == SQL_OPEN || second.class == SQL_COMMA || second.class == SQL_STAR || second.class == SQL_DOT || second.class == SQL_COMMENT ||
        is_word(second, SQL_W_FROM) || is_word(second, SQL_W_AS) || is_word(second, SQL_W_INTO) || second.class == SQL_SIGN ||
        second.class == SQL_LOGIC || second.class == SQL_CLOSE || 
        second.class == SQL_SEMICOLON || (second.class == SQL_END && w->number_first);
}

/* A call, `at` its bracket, and not "sleep (8 hours a day)". */
static bool weapon_is_called(struct walk *w, size_t at)
{
    struct sql_token argument = look(w, at + 1), behind = look(w, at + 2);
    if (look(w, at).class != SQL_OPEN || argument.class == SQL_END)
        return false;
    return w->quote || w->seen > 1 || (behind.class != SQL_NAME && behind.class != SQL_END);
}

/* UNION [ALL] [(] SELECT list; UNION is taken, `at` 0 is what follows. */
static bool union_follows(struct walk *w)
{
    size_t at = 0;
    if (look(w, 0).class == SQL_PREFIX)
        at++;
    while (at < 3 && look(w, at).class == SQL_OPEN)
        at++;
    struct sql_token token = look(w, at);
    if (token.class == SQL_OPEN)
        return true; /* UNION ((( is no prose */
    if (is_word(token, SQL_W_VALUES) || is_word(token, SQL_W_TABLE))
        return look(w, at + 1).class == SQL_OPEN || is_word(token, SQL_W_TABLE);
    return token.class == SQL_SELECT && (look(w, at + 1).class == SQL_END ? w->tokens.commented || at > 0 : select_list_at(w, at + 1));
}

/* What DROP, CREATE and ALTER speak of: TABLE, DATABASE, OR REPLACE ... */
static bool names_object(struct sql_token token)
{
    return token.class == SQL_NAME || token.class == SQL_CLAUSE || token.class == SQL_FUNCTION || token.class == SQL_LOGIC;
}

/* The verb and what must follow it for a statement rather than a sentence. */
static bool statement_follows(struct walk *w, size_t at)
{
    struct sql_token verb = look(w, at), next = look(w, at + 1), third = look(w, at + 2);
    if (verb.class == SQL_SELECT)
        return select_list_at(w, at + 1);
    if (verb.class == SQL_WEAPON)
        return true;
    switch (verb.word) {
    case SQL_W_DROP:
    case SQL_W_CREATE:
    case SQL_W_ALTER:
    case SQL_W_BACKUP:
        return names_object(next) && !is_end(third);
    case SQL_W_TRUNCATE:
        return is_word(next, SQL_W_TABLE) || (next.class == SQL_NAME && (is_end(third) || third.class == SQL_SEMICOLON));
    case SQL_W_INSERT:
    case SQL_W_REPLACE:
    case SQL_W_MERGE:
        return is_word(next, SQL_W_INTO) || is_word(third, SQL_W_VALUES);
    case SQL_W_DELETE:
        return is_word(next, SQL_W_FROM);
    case SQL_W_UPDATE:
        return is_word(third, SQL_W_SET);
    case SQL_W_EXEC:
    case SQL_W_EXECUTE:
        return next.class == SQL_NAME || next.class == SQL_WEAPON || next.class == SQL_OPEN || next.class == SQL_VARIABLE;
    case SQL_W_DECLARE:
        return next.class == SQL_VARIABLE || (next.class == SQL_NAME && third.class == SQL_NAME);
    case SQL_W_SET:
        return next.class == SQL_VARIABLE || third.class == SQL_COMPARE;
    case SQL_W_WAITFOR:
        return next.class == SQL_NAME || is_word(next, SQL_W_DELAY);
    case SQL_W_SHUTDOWN:
        return is_end(next) || next.class == SQL_SEMICOLON || is_word(next, SQL_W_WITH);
    case SQL_W_CALL:
    case SQL_W_HANDLER:
    case SQL_W_PREPARE:
    case SQL_W_PRAGMA:
        return next.class == SQL_NAME && !is_end(third) && third.class != SQL_NAME;
    case SQL_W_COPY:
        return next.class == SQL_OPEN || is_word(third, SQL_W_FROM) || third.class == SQL_OPEN;
    case SQL_W_ATTACH:
    case SQL_W_RESTORE:
    case SQL_W_LOAD:
        return next.class == SQL_FUNCTION || next.class == SQL_NAME;
    case SQL_W_BULK:
        return is_word(next, SQL_W_INSERT);
    case SQL_W_GRANT:
    case SQL_W_REVOKE:
        return next.class != SQL_END;
    case SQL_W_WITH:
        return next.class == SQL_NAME && (is_word(third, SQL_W_AS) || third.class == SQL_OPEN);
    case SQL_W_KILL:
    case SQL_W_PRINT:
        return is_constant(next);
    case SQL_W_DO:
    case SQL_W_ANALYZE:
        return is_callable(next) && third.class == SQL_OPEN;
    case SQL_W_SHOW:
        return next.class == SQL_NAME && is_end(third);
    case SQL_W_IF:
        return next.class == SQL_OPEN || (next.class == SQL_NUMBER && third.class == SQL_COMPARE);
    default:
        return false;
    }
}

/* A statement without a semicolon, as SQL Server allows; only what no sentence says. */
static bool bare_statement(struct walk *w)
{
    struct sql_token verb = look(w, 0), next = look(w, 1), third = look(w, 2);
    switch (verb.word) {
    case SQL_W_WAITFOR:
        return (is_word(next, SQL_W_DELAY) || next.class == SQL_NAME) && (third.class == SQL_STRING || third.class == SQL_VARIABLE);
    case SQL_W_DECLARE:
        return next.class == SQL_VARIABLE;
    case SQL_W_EXEC:
    case SQL_W_EXECUTE:
        return next.class == SQL_WEAPON || (next.class == SQL_OPEN && (third.class == SQL_STRING || third.class == SQL_VARIABLE)) ||
            (next.class == SQL_NAME && third.class == SQL_STRING);
    default:
        return false;
    }
}

/* Behind a complete operand: a clause that a sentence would not make. */
static bool clause_follows(struct walk *w)
{
    struct sql_token clause = look(w, 0), next = look(w, 1), third = look(w, 2), fourth = look(w, 3);
    bool firm = w->quote || w->number_first;
    switch (clause.word) {
    case SQL_W_ORDER:
    case SQL_W_GROUP:
        if (!is_word(next, SQL_W_BY))
            return false;
        if (third.class == SQL_FUNCTION && fourth.class == SQL_OPEN)
            return true;
        if (third.class == SQL_NUMBER || third.class == SQL_OPEN || third.class == SQL_WEAPON)
            return is_end(fourth) || fourth.class == SQL_SEMICOLON || fourth.class == SQL_COMMA || fourth.class == SQL_CLAUSE || third.class != SQL_NUMBER;
        return fourth.class == SQL_COMMENT || (firm && (is_word(fourth, SQL_W_HAVING) || is_word(fourth, SQL_W_DESC) ||
            is_word(fourth, SQL_W_ASC) || fourth.class == SQL_COMMA || fourth.class == SQL_OPEN || fourth.class == SQL_DOT));
    case SQL_W_HAVING:
        return (firm || is_constant(next)) && (third.class == SQL_COMPARE || fourth.class == SQL_COMPARE || third.class == SQL_COMMENT ||
            third.class == SQL_OPEN || next.class == SQL_STRING);
    case SQL_W_WHERE:
        return firm && third.class == SQL_COMPARE;
    case SQL_W_LIMIT:
        return firm && next.class == SQL_NUMBER && (is_end(third) || third.class == SQL_COMMA || third.class == SQL_CLAUSE);
    case SQL_W_OFFSET:
        return firm && next.class == SQL_NUMBER && is_end(third);
    case SQL_W_INTO:
        return (is_word(next, SQL_W_OUTFILE) || is_word(next, SQL_W_DUMPFILE)) && third.class == SQL_STRING;
    case SQL_W_PROCEDURE:
        return (next.class == SQL_NAME || next.class == SQL_VERB) && third.class == SQL_OPEN;
    default:
        return false;
    }
}

/* ---- what an injection inside the expression looks like ---- */

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
static bool term_decides(const struct walk *w, enum ending how)
{
    const struct term *t = &w->term;
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

static bool comment_decides(struct walk *w, struct sql_token comment)
{
    struct bytes text = bytes_slice(w->tokens.left.all, comment.at, comment.len);
    if (term_decides(w, BY_COMMENT))
        return true;
    if (w->quote && w->single && (w->prose || w->code) && memchr(text.at, w->quote, text.len))
        return false; /* the value has the other quote itself: color = '#fff', ('--flag') */
    if (w->quote)
        return w->have && !(w->single && w->prose && reads_as_prose(text)) && !(w->code && w->single && reads_as_prose(text));
    /* 1 -- : one number, and a comment of two dashes */
    return w->have && w->number_first && text.len >= 2 && text.at[0] == '-' && !reads_as_prose(text) && w->single;
}

static void begin_term(struct walk *w)
{
    w->term = (struct term){0};
    w->arithmetic = false;
}

/* Adds an operand to the term. */
static void operand(struct walk *w, struct sql_token token)
{
    struct term *t = &w->term;
    t->open_string = token.class == SQL_STRING && token.open;
    if (t->open_string)
        w->open_string = bytes_slice(w->tokens.left.all, token.at, token.len);
    t->closed_string = token.class == SQL_STRING && !token.open;
    t->number |= token.class == SQL_NUMBER || token.class == SQL_VALUE;
    t->constant |= is_constant(token);
    t->name |= token.class == SQL_NAME || token.class == SQL_FUNCTION;
    w->have = true;
}

enum step { GO_ON, BROKEN, INJECTION };

/* IF(, CASE, (SELECT, f( and all that begins an operand. */
static enum step step_without_operand(struct walk *w)
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
        next = look(w, 0);
        if (next.class != SQL_OPEN) {
            operand(w, token);
            return GO_ON;
        }
        if (token.class == SQL_WEAPON && weapon_is_called(w, 0))
            return INJECTION;
        w->term.call |= token.class == SQL_FUNCTION || w->quote;
        w->term.name |= token.class == SQL_NAME;
        if ((is_word(token, SQL_W_IF) || is_word(token, SQL_W_IIF)) && !w->conditional_depth) {
            w->conditional_depth = w->depth + 1;
            w->conditional_commas = 0;
        }
        return GO_ON;
    case SQL_OPEN:
        w->depth++;
        next = look(w, 0);
        if (next.class == SQL_SELECT && select_list_at(w, 1))
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
        if (!is_word(token, SQL_W_CASE) && !is_word(token, SQL_W_WHEN))
            return BROKEN;
        w->in_case = true;
        return GO_ON;
    case SQL_VERB: /* LEFT, REPLACE( ... are functions too; a verb here is none */
        return BROKEN;
    case SQL_BRACE:
        next = look(w, 0);
        if (next.class != SQL_NAME)
            return BROKEN;
        take(w);
        return GO_ON;
    default:
        return BROKEN;
    }
}

static enum step step_logic(struct walk *w, struct sql_token token)
{
    bool symbol = token.word == SQL_W_NONE;
    if (is_word(token, SQL_W_AND) && w->between) {
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

static enum step step_compare(struct walk *w, struct sql_token token)
{
    struct sql_token next = look(w, 0);
    w->have = false;
    w->term.compared = true;
    switch (token.word) {
    case SQL_W_IS:
        w->term.is_test = next.class == SQL_VALUE || (is_word(next, SQL_W_NOT) && look(w, 1).class == SQL_VALUE);
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

static enum step step_close(struct walk *w)
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

static enum step step_case(struct walk *w, struct sql_token token)
{
    if (!w->in_case)
        return BROKEN;
    if (is_word(token, SQL_W_THEN))
        return INJECTION;
    w->have = is_word(token, SQL_W_END);
    return GO_ON;
}

static enum step step_semicolon(struct walk *w)
{
    while (look(w, 0).class == SQL_SEMICOLON)
        take(w);
    if (statement_follows(w, 0) || bare_statement(w))
        return w->assigned && !w->quote ? BROKEN : INJECTION;
    if (look(w, 0).class == SQL_COMMENT && (w->quote || w->number_first))
        return comment_decides(w, look(w, 0)) ? INJECTION : BROKEN;
    return look(w, 0).class == SQL_END && term_decides(w, BY_VALUE) ? INJECTION : BROKEN;
}

static enum step step_with_operand(struct walk *w)
{
    struct sql_token token = look(w, 0);
    if (token.class != SQL_END && token.class != SQL_COMMENT && token.class != SQL_CLOSE && token.class != SQL_SEMICOLON && token.class != SQL_OPEN && !w->evidence)
        w->evidence = token.at + 1;
    if ((token.class == SQL_VERB && bare_statement(w)) || (token.class == SQL_CLAUSE && clause_follows(w)))
        return INJECTION;
    if (w->quote && ((token.class == SQL_WEAPON && weapon_is_called(w, 1)) ||
                     (token.class == SQL_OPEN && look(w, 1).class == SQL_SELECT && select_list_at(w, 2))))
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
        w->single = w->single && (is_word(token, SQL_W_IS) || is_word(token, SQL_W_BETWEEN));
        return step_compare(w, token);
    case SQL_PREFIX: /* NOT LIKE, NOT IN */
        return is_word(token, SQL_W_NOT) && look(w, 0).class == SQL_COMPARE ? GO_ON : BROKEN;
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
        return union_follows(w) ? INJECTION : BROKEN;
    case SQL_CASE:
        return step_case(w, token);
    case SQL_CLAUSE: /* CAST(x AS type) */
        if (!is_word(token, SQL_W_AS) || !w->depth || !is_callable(look(w, 0)))
            return BROKEN;
        w->have = false;
        return GO_ON;
    default:
        return BROKEN;
    }
}

/* Before any operand: what closes or ends the application's own expression may come first. */
static enum step step_at_start(struct walk *w)
{
    struct sql_token token = look(w, 0);
    w->number_first = token.class != SQL_NAME && token.class != SQL_FUNCTION;
    if ((token.class == SQL_VERB && bare_statement(w)) ||
        (is_word(token, SQL_W_IF) && look(w, 1).class == SQL_PREFIX && look(w, 2).class == SQL_OPEN))
        return INJECTION;
    if (token.class == SQL_UNION) {
        w->number_first = false;
        take(w);
        return union_follows(w) ? INJECTION : BROKEN;
    }
    if (token.class == SQL_CLOSE || token.class == SQL_SEMICOLON) {
        w->have = true;
        return GO_ON;
    }
    if (token.class == SQL_LOGIC && look(w, 1).class != SQL_LOGIC) {
        w->number_first = false;
        take(w);
        return step_logic(w, token);
    }
    if (token.class == SQL_COMMA)
        take(w);
    return GO_ON;
}

/* SELECT ... FROM name WHERE condition, as the whole value. */
static bool whole_query(struct walk *w)
{
    enum { FARTHEST = 40 };
    if (!select_list_at(w, 1))
        return false;
    bool from = false;
    for (int i = 0; i < FARTHEST; i++) {
        struct sql_token token = take(w);
        from |= is_word(token, SQL_W_FROM);
        if (is_end(token) || token.class == SQL_OTHER)
            return false;
        if (from && token.class == SQL_UNION)
            return union_follows(w);
        if (token.class == SQL_WEAPON && look(w, 0).class == SQL_OPEN)
            return true;
        if (token.class == SQL_OPEN && look(w, 0).class == SQL_SELECT && select_list_at(w, 1))
            return true;
        if ((is_word(token, SQL_W_IF) || is_word(token, SQL_W_IIF)) && look(w, 0).class == SQL_OPEN)
            return true;
        if (from && (w->tokens.commented || is_word(token, SQL_W_WHERE)) && token.class == SQL_CLAUSE)
            return w->tokens.commented || look(w, 1).class == SQL_COMPARE || look(w, 1).class == SQL_OPEN ||
                is_word(look(w, 1), SQL_W_NOT);
    }
    return false;
}

static bool walk(struct walk *w)
{
    enum step step;
    if (!w->quote) {
        if (look(w, 0).class == SQL_SELECT)
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

static void judge_prefix(struct walk *w, struct bytes prefix)
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

static bool detect(struct bytes value, char quote, enum sql_dialect dialect, struct sqli_finding *ret)
{
    struct walk w = {.tokens = sql_tokens_over(value, dialect), .quote = quote, .single = true};
    if (quote) {
        struct sql_token prefix;
        if (!sql_tokens_close_string(&w.tokens, quote, &prefix))
            return false;
        judge_prefix(&w, bytes_slice(value, 0, prefix.len - 1));
        record(&w, prefix);
        w.have = true;
        w.term.closed_string = true;
    }
    if (!walk(&w))
        return false;
    size_t at = w.evidence ? w.evidence - 1 : 0, end = w.current.at + w.current.len;
    *ret = (struct sqli_finding){.at = at, .len = end > at ? end - at : 0, .quote = quote};
    memcpy(ret->fingerprint, w.fingerprint, sizeof ret->fingerprint);
    return true;
}

/* What a byte may be part of. A value without any SEPARATOR, and without two dashes, is one word or path. */
enum mark { QUOTE = 1, DOUBLE = 2, DIALECT = 4, SEPARATOR = 8, DASH = 16, BACKSLASH = 32 };

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
    ['*'] = SEPARATOR,
    ['^'] = SEPARATOR,
    ['~'] = SEPARATOR,
    ['$'] = SEPARATOR,
    ['['] = SEPARATOR,
    ['{'] = SEPARATOR,
    [0x7f] = SEPARATOR,
    [0xa0] = SEPARATOR,
};

bool sqli_detect(struct bytes value, struct sqli_finding *ret)
{
    uint8_t has = 0;
    for (size_t i = 0; i < value.len; i++)
        has |= marks[value.at[i]];
    if (!(has & SEPARATOR) && (!(has & DASH) || !memmem(value.at, value.len, "--", 2)))
        return false;
    enum sql_dialect last = has & BACKSLASH ? SQL_MYSQL_PLAIN : has & DIALECT ? SQL_MYSQL : SQL_ANSI;
    for (int d = SQL_ANSI; d <= (int)last; d++) {
        enum sql_dialect dialect = (enum sql_dialect)d;
        if (detect(value, 0, dialect, ret) || (has & QUOTE && detect(value, '\'', dialect, ret)) ||
            (has & DOUBLE && detect(value, '"', dialect, ret)))
            return true;
    }
    return false;
}
