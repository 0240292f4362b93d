/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one reading of a value as SQL (sql_decide.c), and the shapes that it recognises from the tokens ahead
 * without taking them (sql_shape.c).
 */
#pragma once

#include "waf/detect/detect.h"
#include "waf/detect/sql_token.h"

enum { SQL_AHEAD = 6 };

/* What the operands since the last logical operator were. */
struct sql_term {
    bool compared;
    bool constant, number, name, call; /* kinds of operands in it */
    bool open_string;                  /* the last operand is one without its end */
    bool is_test;                      /* IS NULL, BETWEEN */
};

struct sql_walk {
    struct sql_tokens tokens;
    struct sql_token ahead[SQL_AHEAD]; /* read and not yet taken */
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
    struct sql_term term;
    struct bytes open_string; /* what is in the last one */
    char fingerprint[DETECT_FINGERPRINT];
    size_t seen;
    size_t evidence; /* offset of the token that left the operand */
};

/* So that the token `n` ahead is there. */
void sql_read_ahead(struct sql_walk *w, size_t n);

/* The token `n` ahead, n < SQL_AHEAD. */
static inline struct sql_token sql_look(struct sql_walk *w, size_t n)
{
    if (w->ahead_count <= n)
        sql_read_ahead(w, n);
    return w->ahead[n];
}

static inline bool sql_is_word(struct sql_token token, enum sql_word word)
{
    return token.word == word && word != SQL_W_NONE;
}

static inline bool sql_is_end(struct sql_token token)
{
    return token.class == SQL_END || token.class == SQL_COMMENT;
}

static inline bool sql_is_constant(struct sql_token token)
{
    return token.class == SQL_NUMBER || token.class == SQL_STRING || token.class == SQL_VALUE || token.class == SQL_VARIABLE;
}

static inline bool sql_is_callable(struct sql_token token)
{
    return token.class == SQL_NAME || token.class == SQL_FUNCTION || token.class == SQL_WEAPON || token.class == SQL_CLAUSE;
}

/* Behind SELECT, `at` tokens ahead: a list of columns and not a sentence. */
bool sql_select_list_at(struct sql_walk *w, size_t at);
/* A call, `at` its bracket, and not "sleep (8 hours a day)". */
bool sql_weapon_is_called(struct sql_walk *w, size_t at);
/* UNION [ALL] [(] SELECT list; UNION is taken. */
bool sql_union_follows(struct sql_walk *w);
/* `at` tokens ahead a verb, and what must follow it for a statement rather than a sentence. */
bool sql_statement_follows(struct sql_walk *w, size_t at);
/* A statement without a semicolon, as SQL Server allows; only what no sentence says. */
bool sql_bare_statement(struct sql_walk *w);
/* Behind a complete operand: a clause that a sentence would not make. */
bool sql_clause_follows(struct sql_walk *w);
