/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives and dies together, with a ceiling. Everything that belongs to one policy (or one
 * transaction) is taken from one arena; nothing is freed alone.
 */
#pragma once

#include "base/bytes.h"

struct arena;

/* `ceiling`: most bytes the arena may take from the system. NULL when there is no memory. */
struct arena *arena_create(size_t ceiling);
/* One for a part of the work: what it takes counts against the parent's ceiling too, and no longer once it is
 * destroyed, which must be before the parent is. NULL when there is no memory. */
struct arena *arena_child(struct arena *parent) MUST_USE;
void arena_destroy(struct arena *a);
/*
 * As if it were new, but a chunk of at most `keep` bytes that it has is kept for what comes next. For what follows on
 * something of the same kind, such as one request on another. It is no child, and has none.
 */
void arena_reset(struct arena *a, size_t keep);
static inline void arena_destroyp(struct arena **a)
{
    arena_destroy(*a);
}

/* For tests: the nth allocation from now (1 is the next) and all after it fail; 0 switches that off. */
void arena_fail_at(struct arena *a, uint64_t nth);
/* Number of allocations asked for so far. */
uint64_t arena_allocations(const struct arena *a);

/* Zeroed, aligned to 16. NULL at the ceiling or when memory is out. A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size) MUST_USE;
/* The same, not zeroed: for what is written at once. */
void *arena_buffer(struct arena *a, size_t size) MUST_USE;
/* All but the first `keep` bytes of a buffer of `size` are not needed after all: taken back where it is the newest that the arena gave. */
void arena_trim(struct arena *a, const void *buffer, size_t size, size_t keep);
/* count * size, checked for overflow. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_USE;
/* A NUL-terminated copy. */
char *arena_text(struct arena *a, const void *text, size_t len) MUST_USE;
char *arena_format(struct arena *a, const char *format, ...) MUST_USE __attribute__((format(printf, 2, 3)));

/*
 * Room for one more in a growing array: `items` has `count` entries of `size` and room for `*capacity`.
 * Returns the array, moved when it had to grow (the old one stays in the arena), or NULL, and then
 * nothing changed.
 */
void *arena_grow(struct arena *a, void *items, size_t count, size_t *capacity, size_t size) MUST_USE;

/* Bytes taken from the system so far. */
size_t arena_used(const struct arena *a);
