/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/sql_walk.h"

void sql_read_ahead(struct sql_walk *w, size_t n)
{
    while (w->ahead_count <= n)
        w->ahead[w->ahead_count++] = sql_tokens_next(&w->tokens);
}

bool sql_select_list_at(struct sql_walk *w, size_t at)
{
    struct sql_token first = sql_look(w, at);
    if (first.class == SQL_OPEN)
        return true;
    if (first.class == SQL_PREFIX && at + 1 < SQL_AHEAD) /* ALL, DISTINCT, NOT */
        first = sql_look(w, ++at);
    if (sql_is_constant(first) || first.class == SQL_STAR || first.class == SQL_SIGN || first.class == SQL_OPEN)
        return true;
    if (sql_is_word(first, SQL_W_CASE))
        return at + 1 >= SQL_AHEAD || sql_look(w, at + 1).class != SQL_END;
    if (sql_is_word(first, SQL_W_FROM)) /* SELECT without columns, which PostgreSQL reads */
        return true;
    if (!sql_is_callable(first) || at + 1 >= SQL_AHEAD)
        return false;
    struct sql_token second = sql_look(w, at + 1);
    if (w->tokens.commented && second.class == SQL_NAME)
        return true;
    return second.class == SQL_OPEN || second.class == SQL_COMMA || second.class == SQL_STAR || second.class == SQL_DOT || second.class == SQL_COMMENT ||
        sql_is_word(second, SQL_W_FROM) || sql_is_word(second, SQL_W_AS) || sql_is_word(second, SQL_W_INTO) || second.class == SQL_SIGN ||
        second.class == SQL_LOGIC || second.class == SQL_CLOSE ||
        second.class == SQL_SEMICOLON || (second.class == SQL_END && w->number_first);
}

bool sql_weapon_is_called(struct sql_walk *w, size_t at)
{
    struct sql_token argument = sql_look(w, at + 1), behind = sql_look(w, at + 2);
    if (sql_look(w, at).class != SQL_OPEN || argument.class == SQL_END)
        return false;
    return w->quote || w->seen > 1 || (behind.class != SQL_NAME && behind.class != SQL_END);
}

bool sql_union_follows(struct sql_walk *w)
{
    size_t at = 0;
    if (sql_look(w, 0).class == SQL_PREFIX)
        at++;
    while (at < 3 && sql_look(w, at).class == SQL_OPEN)
        at++;
    struct sql_token token = sql_look(w, at);
    if (token.class == SQL_OPEN)
        return true; /* UNION ((( is no prose */
    if (sql_is_word(token, SQL_W_VALUES) || sql_is_word(token, SQL_W_TABLE))
        return sql_look(w, at + 1).class == SQL_OPEN || sql_is_word(token, SQL_W_TABLE);
    return token.class == SQL_SELECT && (sql_look(w, at + 1).class == SQL_END ? w->tokens.commented || at > 0 : sql_select_list_at(w, at + 1));
}

/* What DROP, CREATE and ALTER speak of: TABLE, DATABASE, OR REPLACE ... */
static bool names_object(struct sql_token token)
{
    return token.class == SQL_NAME || token.class == SQL_CLAUSE || token.class == SQL_FUNCTION || token.class == SQL_LOGIC;
}

bool sql_statement_follows(struct sql_walk *w, size_t at)
{
    struct sql_token verb = sql_look(w, at), next = sql_look(w, at + 1), third = sql_look(w, at + 2);
    if (verb.class == SQL_SELECT)
        return sql_select_list_at(w, at + 1);
    if (verb.class == SQL_WEAPON)
        return true;
    switch (verb.word) {
    case SQL_W_DROP:
    case SQL_W_CREATE:
    case SQL_W_ALTER:
    case SQL_W_BACKUP:
        return names_object(next) && !sql_is_end(third);
    case SQL_W_TRUNCATE:
        return sql_is_word(next, SQL_W_TABLE) || (next.class == SQL_NAME && (sql_is_end(third) || third.class == SQL_SEMICOLON));
    case SQL_W_INSERT:
    case SQL_W_REPLACE:
    case SQL_W_MERGE:
        return sql_is_word(next, SQL_W_INTO) || sql_is_word(third, SQL_W_VALUES);
    case SQL_W_DELETE:
        return sql_is_word(next, SQL_W_FROM);
    case SQL_W_UPDATE:
        return sql_is_word(third, SQL_W_SET);
    case SQL_W_EXEC:
    case SQL_W_EXECUTE:
        return next.class == SQL_NAME || next.class == SQL_WEAPON || next.class == SQL_OPEN || next.class == SQL_VARIABLE;
    case SQL_W_DECLARE:
        return next.class == SQL_VARIABLE || (next.class == SQL_NAME && third.class == SQL_NAME);
    case SQL_W_SET:
        return next.class == SQL_VARIABLE || third.class == SQL_COMPARE;
    case SQL_W_WAITFOR:
        return next.class == SQL_NAME || sql_is_word(next, SQL_W_DELAY);
    case SQL_W_SHUTDOWN:
        return sql_is_end(next) || next.class == SQL_SEMICOLON || sql_is_word(next, SQL_W_WITH);
    case SQL_W_CALL:
    case SQL_W_HANDLER:
    case SQL_W_PREPARE:
    case SQL_W_PRAGMA:
        return next.class == SQL_NAME && !sql_is_end(third) && third.class != SQL_NAME;
    case SQL_W_COPY:
        return next.class == SQL_OPEN || sql_is_word(third, SQL_W_FROM) || third.class == SQL_OPEN;
    case SQL_W_ATTACH:
    case SQL_W_RESTORE:
    case SQL_W_LOAD:
        return next.class == SQL_FUNCTION || next.class == SQL_NAME;
    case SQL_W_BULK:
        return sql_is_word(next, SQL_W_INSERT);
    case SQL_W_GRANT:
    case SQL_W_REVOKE:
        return next.class != SQL_END;
    case SQL_W_WITH:
        return next.class == SQL_NAME && (sql_is_word(third, SQL_W_AS) || third.class == SQL_OPEN);
    case SQL_W_KILL:
    case SQL_W_PRINT:
        return sql_is_constant(next);
    case SQL_W_DO:
    case SQL_W_ANALYZE:
        return sql_is_callable(next) && third.class == SQL_OPEN;
    case SQL_W_SHOW:
        return next.class == SQL_NAME && sql_is_end(third);
    case SQL_W_IF:
        return next.class == SQL_OPEN || (next.class == SQL_NUMBER && third.class == SQL_COMPARE);
    default:
        return false;
    }
}

bool sql_bare_statement(struct sql_walk *w)
{
    struct sql_token verb = sql_look(w, 0), next = sql_look(w, 1), third = sql_look(w, 2);
    switch (verb.word) {
    case SQL_W_WAITFOR:
        return (sql_is_word(next, SQL_W_DELAY) || next.class == SQL_NAME) && (third.class == SQL_STRING || third.class == SQL_VARIABLE);
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

bool sql_clause_follows(struct sql_walk *w)
{
    struct sql_token clause = sql_look(w, 0), next = sql_look(w, 1), third = sql_look(w, 2), fourth = sql_look(w, 3);
    bool firm = w->quote || w->number_first;
    switch (clause.word) {
    case SQL_W_ORDER:
    case SQL_W_GROUP:
        if (!sql_is_word(next, SQL_W_BY))
            return false;
        if (third.class == SQL_FUNCTION && fourth.class == SQL_OPEN)
            return true;
        if (third.class == SQL_NUMBER || third.class == SQL_OPEN || third.class == SQL_WEAPON)
            return sql_is_end(fourth) || fourth.class == SQL_SEMICOLON || fourth.class == SQL_COMMA || fourth.class == SQL_CLAUSE || third.class != SQL_NUMBER;
        return fourth.class == SQL_COMMENT || (firm && (sql_is_word(fourth, SQL_W_HAVING) || sql_is_word(fourth, SQL_W_DESC) ||
            sql_is_word(fourth, SQL_W_ASC) || fourth.class == SQL_COMMA || fourth.class == SQL_OPEN || fourth.class == SQL_DOT));
    case SQL_W_HAVING:
        return (firm || sql_is_constant(next)) && (third.class == SQL_COMPARE || fourth.class == SQL_COMPARE || third.class == SQL_COMMENT ||
            third.class == SQL_OPEN || next.class == SQL_STRING);
    case SQL_W_WHERE:
        return firm && third.class == SQL_COMPARE;
    case SQL_W_LIMIT:
        return firm && next.class == SQL_NUMBER && (sql_is_end(third) || third.class == SQL_COMMA || third.class == SQL_CLAUSE);
    case SQL_W_OFFSET:
        return firm && next.class == SQL_NUMBER && sql_is_end(third);
    case SQL_W_INTO:
        return (sql_is_word(next, SQL_W_OUTFILE) || sql_is_word(next, SQL_W_DUMPFILE)) && third.class == SQL_STRING;
    case SQL_W_PROCEDURE:
        return (next.class == SQL_NAME || next.class == SQL_VERB) && third.class == SQL_OPEN;
    default:
        return false;
    }
}
