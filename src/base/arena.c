/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ALIGNMENT ARENA_ALIGNMENT
#define CHUNK_MIN ((size_t)16 << 10)
#define CHUNK_MAX ((size_t)4 << 20)

/* Chunks from here on are mapped on their own in huge pages, where the kernel has them: a fifth of the time that a policy
 * of 100,000 rules takes goes into faults of small ones. */
#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE ((size_t)4 << 10) /* or a whole part of one */

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else /* The sanitizers see only the heap, so that nothing is mapped where they look. */
#define MAPS_CHUNKS
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

struct chunk {
    struct chunk *next;
    size_t size;       /* of the bytes behind this header, a multiple of the alignment */
    size_t dirty;      /* so many may be other than zero; as the arena left it, while it is the newest */
    size_t mapped;     /* bytes, with this header; 0: it is the heap's */
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

#ifdef MAPS_CHUNKS
/* Address space at a huge page's beginning, `size` bytes, or NULL. */
static uint8_t *map_aligned(size_t size, int protection)
{
    uint8_t *at = mmap(NULL, size + HUGE_PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
    if (before)
        (void)munmap(at, before);
    if (before < HUGE_PAGE)
        (void)munmap(at + before + size, HUGE_PAGE - before);
    return at + before;
}

/* Of what is mapped for a chunk with so many bytes. 0: that chunk is not mapped. */
static size_t mapped_size(size_t bytes)
{
    return bytes >= HUGE_PAGE && bytes < SIZE_MAX - 2 * HUGE_PAGE ? (bytes + PAGE - 1) & ~(PAGE - 1) : 0;
}

static struct chunk *chunk_map(size_t size)
{
    size_t mapped = mapped_size(sizeof(struct chunk) + size);
    struct chunk *c = (void *)map_aligned(mapped, PROT_READ | PROT_WRITE);
    if (!c)
        return NULL;
    (void)madvise(c, mapped, MADV_HUGEPAGE);
    *c = (struct chunk){.size = size, .mapped = mapped};
    return c;
}

/* The mapped chunk with more room: its pages go there, and nothing is copied. NULL: it is where and as it was. */
static struct chunk *chunk_extend(struct chunk *c, size_t size)
{
    size_t mapped = mapped_size(sizeof *c + size);
    void *to = mapped ? map_aligned(mapped, PROT_NONE) : NULL;
    if (!to)
        return NULL;
    struct chunk *moved = mremap(c, c->mapped, mapped, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (moved == MAP_FAILED) {
        (void)munmap(to, mapped);
        return NULL;
    }
    moved->size = size;
    moved->mapped = mapped;
    return moved;
}
#endif

/* NULL when memory is out. */
static struct chunk *chunk_new(size_t size)
{
#ifdef MAPS_CHUNKS
    if (mapped_size(sizeof(struct chunk) + size))
        return chunk_map(size);
#endif
    struct chunk *c = malloc(sizeof *c + size);
    if (c)
        *c = (struct chunk){.size = size, .dirty = size};
    return c;
}

static void chunk_free(struct chunk *c)
{
    if (c->mapped)
        (void)munmap(c, c->mapped);
    else
        free(c);
}

struct arena *arena_create(size_t ceiling)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a)
        a->ceiling = ceiling;
    return a;
}

/* Counts one more, here and in all parents; false when it is to fail. */
static bool may_allocate(struct arena *a)
{
    bool may = true;
    for (; a; a = a->parent) {
        a->allocations++;
        may &= !a->fail_at || a->allocations < a->fail_at;
    }
    return may;
}

struct arena *arena_child(struct arena *parent)
{
    struct arena *a = may_allocate(parent) ? arena_create(SIZE_MAX) : NULL;
    if (a)
        a->parent = parent;
    return a;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    for (struct arena *p = a->parent; p; p = p->parent)
        p->taken -= a->taken;
    for (struct chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        chunk_free(c);
    }
    free(a);
}

/* May the next allocation be one step? */
static void set_quick(struct arena *a)
{
    a->quick = a->parent || a->fail_at ? a->at : a->end;
}

/* What the arena knows of the newest chunk goes back to it. */
static void leave_chunk(struct arena *a)
{
    if (a->chunks)
        a->chunks->dirty = (size_t)((a->at > a->clean ? a->at : a->clean) - a->chunks->bytes);
}

/* Allocations come from this one now, which is empty. */
static void enter_chunk(struct arena *a, struct chunk *c)
{
    a->chunks = c;
    a->at = c->bytes;
    a->end = c->bytes + c->size;
    a->clean = c->bytes + c->dirty;
    set_quick(a);
}

void arena_reset(struct arena *a, size_t keep)
{
    struct chunk *kept = NULL, *next;
    leave_chunk(a);
    for (struct chunk *c = a->chunks; c; c = next) {
        next = c->next;
        struct chunk *gone = c;
        if (c->size <= keep && (!kept || c->size > kept->size)) {
            gone = kept;
            kept = c;
        }
        if (gone)
            chunk_free(gone);
    }
    *a = (struct arena){.ceiling = a->ceiling};
    if (!kept)
        return;
    kept->next = NULL;
    ASAN_UNPOISON_MEMORY_REGION(kept->bytes, kept->size);
    a->taken = sizeof *kept + kept->size;
    enter_chunk(a, kept);
}

void arena_fail_at(struct arena *a, uint64_t nth)
{
    a->fail_at = nth ? a->allocations + nth : 0;
    set_quick(a);
}

uint64_t arena_allocations(const struct arena *a)
{
    return a->allocations;
}

size_t arena_used(const struct arena *a)
{
    return a->taken;
}

size_t arena_spare(const struct arena *a)
{
    return (size_t)(a->end - (a->at > a->clean ? a->at : a->clean));
}

/* What the arena and all its parents may still take. */
static size_t bytes_left(const struct arena *a)
{
    size_t left = SIZE_MAX;
    for (; a; a = a->parent) {
        if (a->ceiling - a->taken < left)
            left = a->ceiling - a->taken;
    }
    return left;
}

static size_t rounded(size_t size)
{
    return size ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
}

/* `size` bytes of a chunk that has at least so many. NULL when memory is out. `*ret_clean`: they are zero. */
static uint8_t *chunk_add(struct arena *a, size_t size, bool *ret_clean)
{
    size_t want = a->chunks ? a->chunks->size * 2 : CHUNK_MIN;
    if (want > CHUNK_MAX)
        want = CHUNK_MAX;
    if (want < size)
        want = size;
    size_t left = bytes_left(a);
    if (left < sizeof(struct chunk) || left - sizeof(struct chunk) < size)
        return NULL;
    if (want > left - sizeof(struct chunk))
        want = size;
    struct chunk *c = chunk_new(want);
    if (!c)
        return NULL;
    for (struct arena *p = a; p; p = p->parent)
        p->taken += sizeof *c + want;
    *ret_clean = !c->dirty;
    /* A chunk that is full from the start goes behind the one that still has room. */
    if (want == size && a->at < a->end) {
        c->dirty = size;
        c->next = a->chunks->next;
        a->chunks->next = c;
        return c->bytes;
    }
    leave_chunk(a);
    c->next = a->chunks;
    enter_chunk(a, c);
    a->at += size;
    set_quick(a);
    return c->bytes;
}

/* NULL when memory is out. `*ret_clean`: they are zero. */
static uint8_t *take(struct arena *a, size_t size, bool *ret_clean)
{
    if (!may_allocate(a) || size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = rounded(size);
    if ((size_t)(a->end - a->at) < size)
        return chunk_add(a, size, ret_clean);
    uint8_t *at = a->at;
    *ret_clean = at >= a->clean;
    a->at += size;
    set_quick(a);
    return at;
}

void *arena_alloc_slowly(struct arena *a, size_t size)
{
    bool clean;
    uint8_t *at = take(a, size, &clean);
    return at && !clean ? memset(at, 0, size) : at;
}

void *arena_buffer_slowly(struct arena *a, size_t size)
{
    bool clean;
    return take(a, size, &clean);
}

void arena_trim(struct arena *a, const void *buffer, size_t size, size_t keep)
{
    if (!a->chunks || (const uint8_t *)buffer + rounded(size) != a->at)
        return;
    if (a->clean < a->at)
        a->clean = a->at;
    a->at -= rounded(size) - (keep ? rounded(keep) : 0);
    set_quick(a);
}

char *arena_text(struct arena *a, const void *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, len + 1);
    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *out = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (out)
        vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out;
}

#ifdef MAPS_CHUNKS
/* What points to the chunk that has these bytes and no room for others, and is mapped; NULL: none does. */
static struct chunk **chunk_alone(struct arena *a, const void *bytes, size_t size)
{
    if (!mapped_size(sizeof(struct chunk) + size))
        return NULL;
    for (struct chunk **c = &a->chunks; *c; c = &(*c)->next) {
        if ((*c)->bytes == bytes)
            return (*c)->mapped && (*c)->size == rounded(size) ? c : NULL;
    }
    return NULL;
}

/* A large array that has a chunk of its own takes it along, also what is behind it, which is zero. NULL: that cannot be. */
static void *extend(struct arena *a, void *items, size_t size, size_t more)
{
    struct chunk **place = chunk_alone(a, items, size), *c;
    if (!place || !may_allocate(a) || bytes_left(a) < rounded(more) - rounded(size))
        return NULL;
    bool newest = place == &a->chunks;
    if (newest)
        leave_chunk(a);
    c = chunk_extend(*place, rounded(more));
    if (!c)
        return NULL;
    *place = c;
    for (struct arena *p = a; p; p = p->parent)
        p->taken += rounded(more) - rounded(size);
    c->dirty = c->size;
    if (newest) {
        enter_chunk(a, c);
        a->at = a->end;
        set_quick(a);
    }
    return c->bytes;
}
#else
static void *extend(struct arena *a, void *items, size_t size, size_t more)
{
    return NULL;
}
#endif

void *arena_resize(struct arena *a, void *items, size_t size, size_t more)
{
    bool clean;
    if (more > SIZE_MAX - ALIGNMENT)
        return NULL;
    uint8_t *moved = extend(a, items, size, more);
    if (moved || !(moved = take(a, more, &clean)))
        return moved;
    if (size)
        memcpy(moved, items, size);
    if (!clean) /* pages that nobody has written to are not touched before they are used */
        memset(moved + size, 0, more - size);
    if (size)
        ASAN_POISON_MEMORY_REGION(items, size);
    return moved;
}

void arena_drop(struct arena *a, void *buffer, size_t size)
{
    if (!size)
        return;
    ASAN_POISON_MEMORY_REGION(buffer, size);
#ifdef MAPS_CHUNKS
    struct chunk **place = chunk_alone(a, buffer, size);
    if (!place || place == &a->chunks)
        return;
    struct chunk *c = *place;
    for (struct arena *p = a; p; p = p->parent)
        p->taken -= sizeof *c + c->size;
    *place = c->next;
    chunk_free(c);
#endif
}

void *arena_grow_slowly(struct arena *a, void *items, size_t *capacity, size_t size)
{
    size_t more = *capacity ? *capacity * 2 : 4, all;
    if (more < *capacity || __builtin_mul_overflow(more, size, &all))
        return NULL;
    void *grown = arena_resize(a, items, *capacity * size, all);
    if (grown)
        *capacity = more;
    return grown;
}
