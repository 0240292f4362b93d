/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a value into what an HTML parser would see (HTML standard, 13.2.5), from the state in which the value finds
 * it: in text, between attributes, or inside an attribute's value. Knows no names. Content of script, style and the like is read as
 * text: whether their end tag stands before or behind the value is not known.
 */
#pragma once

#include "base/bytes.h"

enum html_state { HTML_DATA, HTML_IN_TAG, HTML_UNQUOTED, HTML_SINGLE, HTML_DOUBLE, HTML_BACKQUOTED };

enum html_kind { HTML_END, HTML_TAG, HTML_ATTRIBUTE, HTML_COMMENT, HTML_DECLARATION, HTML_INSTRUCTION };

struct html_token {
    enum html_kind kind;
    struct bytes name;  /* of a tag or an attribute, what is in a comment, declaration or <? ?> */
    struct bytes value; /* of an attribute */
    bool has_value;
    bool end_tag;       /* of a tag or its attributes */
    bool bare;          /* a tag: > follows its name at once */
    size_t at, len;
};

struct html_tokens {
    struct cursor left;
    bool in_tag, in_end_tag;
};

/* In an attribute's value: reads up to where the value ends it. */
struct html_tokens html_tokens_over(struct bytes value, enum html_state state);
struct html_token html_tokens_next(struct html_tokens *t);
