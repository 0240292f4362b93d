/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives and dies together, with a ceiling. Everything that belongs to one policy (or one
 * transaction) is taken from one arena; nothing is freed alone.
 */
#pragma once

#include "base/bytes.h"

struct chunk;

/* arena.c's own; shown so that what nearly every allocation is, a step forward within a chunk, is done where it is asked for. */
struct arena {
    uint8_t *at;    /* the next byte of the newest chunk */
    uint8_t *end;   /* of that chunk */
    uint8_t *quick; /* as `end`; as `at` where each allocation has to be looked at (a parent, a failure that is to come) */
    uint8_t *clean; /* from here on to `end` all is zero */
    uint64_t allocations, fail_at;
    struct chunk *chunks; /* the newest first; only the first has room */
    struct arena *parent; /* or NULL */
    size_t ceiling, taken;
};

/* What of a chunk goes by, and where everything begins. */
#define ARENA_ALIGNMENT 16

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

/* What the two below do where one step is not enough. */
void *arena_alloc_slowly(struct arena *a, size_t size) MUST_USE;
void *arena_buffer_slowly(struct arena *a, size_t size) MUST_USE;

/* NULL: it is not done by one step. What is left of a chunk is a multiple of the alignment, so that a size that fits does so when it is rounded. */
static inline uint8_t *arena_step(struct arena *a, size_t size)
{
    if (size - 1 >= (size_t)(a->quick - a->at)) /* 0 is none of these */
        return NULL;
    if (size > PTRDIFF_MAX) /* no chunk is so large: for the compiler */
        __builtin_unreachable();
    uint8_t *at = a->at;
    a->at += (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    a->allocations++;
    return at;
}

/* Zeroed, aligned to 16. NULL at the ceiling or when memory is out. A size of 0 gives a valid pointer. */
static inline MUST_USE void *arena_alloc(struct arena *a, size_t size)
{
    uint8_t *at = arena_step(a, size);
    if (!at)
        return arena_alloc_slowly(a, size);
    return at < a->clean ? memset(at, 0, size) : at;
}

/* The same, not zeroed: for what is written at once. */
static inline MUST_USE void *arena_buffer(struct arena *a, size_t size)
{
    uint8_t *at = arena_step(a, size);
    return at ? at : arena_buffer_slowly(a, size);
}

/* All but the first `keep` bytes of a buffer of `size` are not needed after all: taken back where it is the newest that the arena gave. */
void arena_trim(struct arena *a, const void *buffer, size_t size, size_t keep);
/* count * size, checked for overflow. */
static inline MUST_USE void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(a, total);
}
/* A NUL-terminated copy. */
char *arena_text(struct arena *a, const void *text, size_t len) MUST_USE;
char *arena_format(struct arena *a, const char *format, ...) MUST_USE __attribute__((format(printf, 2, 3)));

/*
 * An array of `size` bytes with `more`, the new ones zero; a large one takes its pages along where it can. NULL: there is
 * no memory, and nothing changed. The old place is not to be looked at any more.
 */
void *arena_resize(struct arena *a, void *items, size_t size, size_t more) MUST_USE;
/* The buffer of `size` bytes is not looked at any more: where it is large, the system has it back. */
void arena_drop(struct arena *a, void *buffer, size_t size);

void *arena_grow_slowly(struct arena *a, void *items, size_t *capacity, size_t size) MUST_USE;
/*
 * Room for one more in a growing array: `items` has `count` entries of `size` and room for `*capacity`. Returns the array,
 * moved when it had to grow (then the old place is not to be looked at any more), or NULL, and then nothing changed.
 */
static inline MUST_USE void *arena_grow(struct arena *a, void *items, size_t count, size_t *capacity, size_t size)
{
    return count < *capacity ? items : arena_grow_slowly(a, items, capacity, size);
}

/* Bytes taken from the system so far. */
size_t arena_used(const struct arena *a);
/* Of these, what nobody has written to yet, as far as that is known: the end of the newest chunk. */
size_t arena_spare(const struct arena *a);
