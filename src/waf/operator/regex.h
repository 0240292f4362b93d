/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions as @rx means them: PCRE2, `.` matches a newline and `^` and `$` match at every line, on bytes
 * (ModSecurity 3: DOTALL and MULTILINE). An expression may be used by many threads, and is compiled by the first of them that
 * needs it; what a match needs belongs to one.
 */
#pragma once

#include "base/arena.h"
#include "waf/operator/match.h"
#include "waf/operator/words.h"

/* TX.0 to TX.9 and more: groups beyond are not captured. */
#define REGEX_CAPTURES_MAX 100

struct regex;
struct regex_scratch;

struct regex_limits {
    uint32_t match, depth; /* PCRE2's: calls of the matching function, and their nesting (pcre2api, "match context") */
};

struct regex_error {
    char text[256]; /* what PCRE2 says */
    size_t offset;  /* in the pattern */
};

enum regex_result {
    REGEX_NO,
    REGEX_YES,
    REGEX_LIMIT, /* not decided: it came to its limit, or to the end of its stack */
    REGEX_ERROR, /* not decided, for another reason, such as no memory */
    REGEX_STOPPED, /* not decided: its watch ended it */
};

/*
 * Who bounds the time. PCRE2's limits are of the steps from one place where a match could begin, and most steps along a
 * run of bytes count as one: with as many places as bytes a search may take the cube of their number. It is therefore
 * done place by place, so many at once as were quick so far, and between them `goes_on` is asked; false ends the search.
 */
struct regex_watch {
    bool (*goes_on)(void *context);          /* NULL: nobody */
    uint64_t (*microseconds)(void *context); /* since some moment; NULL: all places are taken to be quick */
    void *context;
};

/* What the library is asked for: an expression compiles, or does not, with these. */
uint32_t regex_options(bool caseless);
/* NULL, and what is wrong with it. `caseless` is for selectors. Freed by regex_free. */
struct regex *regex_compile(struct bytes pattern, bool caseless, struct regex_error *ret_error) MUST_USE;
/* One that is known to compile, and will be when it is needed; `pattern` must live as long. NULL when memory is out. */
struct regex *regex_expect(struct bytes pattern, bool caseless) MUST_USE;
/* Compiles it now, unless somebody has. False: it cannot be; matching says REGEX_ERROR then. */
bool regex_ready(const struct regex *r);
void regex_free(struct regex *r);

struct regex_scratch *regex_scratch_create(const struct regex_limits *limits) MUST_USE;
void regex_scratch_free(struct regex_scratch *s);
/* Holds for the searches from now on. */
void regex_scratch_watch(struct regex_scratch *s, struct regex_watch watch);

/* `ret`: REGEX_CAPTURES_MAX of them; `*ret_count` as many as there are, an unset group is REGEX_UNSET. Both may be NULL. */
#define REGEX_UNSET SIZE_MAX
enum regex_result regex_match(const struct regex *r, struct regex_scratch *s, struct bytes value, struct match *ret, size_t *ret_count) MUST_USE;
/* What is seen without a search. */
enum words_result regex_glance(const struct regex *r, struct bytes value) MUST_USE;
/* From `from` on; what stands before is context. */
enum regex_result regex_match_from(const struct regex *r, struct regex_scratch *s, struct bytes value, size_t from, struct match *ret, size_t *ret_count) MUST_USE;
