/* SPDX-License-Identifier: Apache-2.0 */
/* Web rules from files, ready to run, with what is wrong with them shown to who asked. */
#pragma once

#include "cli/options.h"
#include "cli/places.h"
#include "cli/rule_files.h"
#include "cli/waf_cache.h"
#include "waf/engine/program.h"

struct rules {
    struct arena *arena;
    struct rule_file_store store;
    struct sources sources;
    const struct waf_rule_set *set; /* NULL: not valid */
    struct compiled *compiled;
    struct waf_program program;
    struct places *places; /* of SecGeoLookupDb; NULL: none is named */
    size_t name_count;
};

/*
 * Reads, checks and compiles the files, as if one included them all. False when one cannot be read, or there is no
 * memory (complained about). Invalid rules are true, with `set` NULL. Freed by rules_free in every case.
 */
bool rules_open(char *const *names, int count, bool json, struct rules *ret) MUST_USE;
/* The same with a plan, which is kept in the cache with all that was compiled; it must live as long. */
bool rules_open_cached(char *const *names, int count, const struct rule_cache *cache, bool json, struct rules *ret) MUST_USE;
/* The same, as if a file with `before` had been named first, and one with `after` last; NULL: none. The texts must live as long. */
bool rules_open_between(char *const *names, int count, const char *before, const char *after, bool json, struct rules *ret) MUST_USE;
void rules_free(struct rules *r);
/* What is wrong, for people, on standard error. */
void rules_complain(const struct rules *r);

/* The first id from `from` on that no rule has. */
int64_t rules_free_id(const struct waf_rule_set *set, int64_t from);

int waf_check(const struct operands *files, bool json);
/* `request`, `response`: files or NULL; `batch`: messages from standard input; `suggest`: exclusions for what fires;
 * `profile`: what each rule cost; `cache`: a file or NULL. */
struct inspection {
    const char *request, *response, *cache;
    bool json, batch, suggest, profile;
};
int waf_inspect(const struct operands *files, const struct inspection *wanted);
int waf_explain(const char *id, const struct operands *files, bool json);
/* Rules by the names of their files, with their caches or NULL, and the folder of recorded requests. */
struct replaying {
    struct operands old, new;
    const char *old_cache, *new_cache;
    const char *requests;
    bool json;
};
int waf_replay(const struct replaying *wanted);
