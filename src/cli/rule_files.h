/* SPDX-License-Identifier: Apache-2.0 */
/* The files of web rules, for the loader that reads none itself: what Include names, and what is in them. */
#pragma once

#include "cli/input.h"
#include "waf/language/load.h"

/* Bytes of one file; the Core Rule Set's largest has a twentieth of a MiB, a feed of addresses some. */
#define RULE_FILE_MAX ((size_t)64 << 20)

/* A file that is on no disk. */
struct rule_text {
    const char *name, *text;
};

struct rule_file_store {
    struct rule_text made[2]; /* looked at first; without a name: none */
    struct input *items; /* what was read, until it is freed */
    size_t count, capacity;
};

/* A name in the file `from` is seen from that file's folder. False when it is too long. */
#define RULE_PATH_MAX 4096
bool rule_files_path(const char *from, const char *name, char ret[RULE_PATH_MAX]) MUST_USE;

struct rule_files rule_files_lend(struct rule_file_store *store);
void rule_files_free(struct rule_file_store *store);
