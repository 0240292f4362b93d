/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a value into the tokens of SQL, as the databases do where they agree and by dialect where they do not. White
 * space and complete comments are no tokens; a comment that takes the rest of the value is one. Never fails: what
 * no database would read is SQL_OTHER.
 */
#pragma once

#include "waf/detect/sql_words.h"

enum sql_dialect {
    SQL_ANSI,        /* no escapes by backslash, two dashes are a comment, # is an operator */
    SQL_MYSQL,       /* backslash escapes, # is a comment, two dashes only before white space, comments with ! are code */
    SQL_MYSQL_PLAIN, /* the same under NO_BACKSLASH_ESCAPES, or behind an application that doubled the backslash */
};

struct sql_token {
    enum sql_class class;
    enum sql_word word;
    bool open; /* a string without its end, a comment that ends with the value */
    size_t at, len;
};

struct sql_tokens {
    struct cursor left;
    enum sql_dialect dialect;
    bool commented; /* a complete comment was skipped */
    bool differs;   /* something was read that another dialect may read otherwise */
};

struct sql_tokens sql_tokens_over(struct bytes value, enum sql_dialect dialect);
/* As if `quote` stood before the value: reads the string up to where the value ends it. False: it never does. */
bool sql_tokens_close_string(struct sql_tokens *t, char quote, struct sql_token *ret) MUST_USE;
/* SQL_END at the end, again and again. */
struct sql_token sql_tokens_next(struct sql_tokens *t);
