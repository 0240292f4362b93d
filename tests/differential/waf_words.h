/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for the differential tests of web rules: attacks by family, what people and programs send that is none, and either
 * disguised or damaged. NUL and any other byte may be in them.
 */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"

enum word_family {
    WORDS_XSS,
    WORDS_SQL,
    WORDS_FILES,    /* paths of the server, and of other servers */
    WORDS_SHELL,    /* of Unix */
    WORDS_WINDOWS,
    WORDS_PHP,
    WORDS_SCRIPT,   /* Node.js, templates, NoSQL, LDAP */
    WORDS_JAVA,
    WORDS_PROTOCOL, /* line ends, encodings, sessions, bytes that belong nowhere */
    WORD_FAMILY_COUNT,
};

/* A list that is the same each time: attacks that rules know by name. */
size_t words_count(enum word_family family);
const char *words_at(enum word_family family, size_t index);

void word_attack(struct random *random, struct text *out);
void word_benign(struct random *random, struct text *out);
/* Mostly one of the two, sometimes an attack in benign text, disguised, cut, or long. */
void word_any(struct random *random, struct text *out);
