/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/transform/transform.h"

#include "waf/transform/write.h"

/* Which bytes can make a transformation change anything: 256 bits, written as a function of the word of 64. */
struct triggers {
    uint64_t bits[4];
};
#define BIT(w, c) ((c) / 64 == (w) ? UINT64_C(1) << ((c) % 64) : 0)
#define LETTERS UINT64_C(0x07fffffe)
#define NEVER(w) UINT64_C(0)
#define ALWAYS(w) UINT64_MAX
#define NUL(w) BIT(w, 0)
#define SPACES(w) ((w) == 0 ? UINT64_C(0x100003e00) : 0)
#define SPACES_NBSP(w) (SPACES(w) | BIT(w, 0xa0) | BIT(w, 0xc2))
#define UPPER(w) ((w) == 1 ? LETTERS : 0)
#define LOWER(w) ((w) == 1 ? LETTERS << 32 : 0)
#define HIGH(w) ((w) >= 2 ? UINT64_MAX : 0)
#define HIGH_NUL(w) (HIGH(w) | NUL(w))
#define AMPERSAND(w) BIT(w, '&')
#define SLASH(w) BIT(w, '/')
#define BACKSLASH(w) BIT(w, '\\')
#define BACKSLASH_NUL(w) (BACKSLASH(w) | NUL(w))
#define PERCENT_PLUS(w) (BIT(w, '%') | BIT(w, '+'))
#define PATH(w) (BIT(w, '/') | BIT(w, '.'))
#define PATH_WIN(w) (PATH(w) | BACKSLASH(w))
#define COMMENT(w) (BIT(w, '/') | BIT(w, '*') | BIT(w, '<') | BIT(w, '-') | BIT(w, '#'))
#define COMMAND(w) \
    (SPACES(w) | UPPER(w) | BIT(w, '"') | BIT(w, '\'') | BACKSLASH(w) | BIT(w, '^') | BIT(w, ',') | BIT(w, ';'))
/* All but digits, letters and '*'. */
#define NOT_PLAIN(w) (~(UPPER(w) | LOWER(w) | BIT(w, '*') | ((w) == 0 ? UINT64_C(0x03ff) << 48 : 0)))

static const struct row {
    size_t (*write)(struct bytes in, const struct unicode_map *map, uint8_t *out);
    struct triggers triggers;
    uint8_t times, plus;
} rows[TRANSFORMATION_COUNT] = {
#define X(id, text, writer, t, half, more) \
    [TRANSFORM_##id] = {write_##writer, {{t(0), t(1), t(2), t(3)}}, half, more},
    TRANSFORMATIONS(X)
#undef X
};

static size_t (*const same[TRANSFORMATION_COUNT])(struct bytes in) = {
#define X(id, writer) [TRANSFORM_##id] = same_##writer,
    TRANSFORMATIONS_THAT_LOOK(X)
#undef X
};

static const struct {
    const char *name;
    enum transformation is;
} aliases[] = {
#define X(id, text) {text, TRANSFORM_##id},
    TRANSFORMATION_ALIASES(X)
#undef X
};

const char *const transformation_names[TRANSFORMATION_COUNT] = {
#define X(name, text, writer, triggers, times, plus) text,
    TRANSFORMATIONS(X)
#undef X
};

static bool named(struct bytes name, const char *text)
{
    return bytes_equal_caseless(name, bytes_of_text(text));
}

bool transformation_find(struct bytes name, enum transformation *ret)
{
    if (name.len == 0)
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (named(name, transformation_names[i])) {
            *ret = (enum transformation)i;
            return true;
        }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (named(name, aliases[i].name)) {
            *ret = aliases[i].is;
            return true;
        }
    return false;
}

uint64_t transformations_of_byte(uint8_t byte)
{
    uint64_t ret = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ret |= (rows[i].triggers.bits[byte / 64] >> (byte % 64) & 1) << i;
    return ret;
}

/* Without a loop, which would cost as much as what it does. */
BLOCK_INLINE uint64_t entries_of_some(const uint64_t table[256], const uint8_t *at, int count)
{
    uint64_t found = 0;
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        found |= table[at[i]];
    return found;
}

uint64_t entries_of_bytes(const uint64_t table[256], uint64_t most, struct bytes in)
{
    uint64_t found = 0;
    const uint8_t *at = in.at;
    size_t left = in.len;
    for (; left >= 16 && found != most; left -= 16, at += 16)
        found |= entries_of_some(table, at, 16);
    if (left >= 16)
        return found;
    if (left & 8) {
        found |= entries_of_some(table, at, 8);
        at += 8;
    }
    if (left & 4) {
        found |= entries_of_some(table, at, 4);
        at += 4;
    }
    for (left &= 3; left; left--)
        found |= table[*at++];
    return found;
}

#define OF(name) (UINT64_C(1) << TRANSFORM_##name)

bool transformation_only_takes(enum transformation t)
{
    static const uint64_t taking = OF(CMD_LINE) | OF(COMPRESS_WHITESPACE) | OF(LOWERCASE) | OF(NORMALISE_PATH) | OF(REMOVE_COMMENTS_CHAR) |
        OF(REMOVE_NULLS) | OF(REMOVE_WHITESPACE) | OF(REPLACE_COMMENTS) | OF(REPLACE_NULLS);
    return taking >> t & 1;
}

uint64_t transformations_alike(enum transformation t, uint64_t seen)
{
    static const uint64_t alike[TRANSFORMATION_COUNT] = {
        [TRANSFORM_CMD_LINE] = OF(LOWERCASE),
        [TRANSFORM_NORMALISE_PATH_WIN] = OF(NORMALISE_PATH),
        [TRANSFORM_REMOVE_COMMENTS_CHAR] = OF(REMOVE_COMMENTS) | OF(REPLACE_COMMENTS),
        [TRANSFORM_REMOVE_NULLS] = OF(REPLACE_NULLS),
        [TRANSFORM_REPLACE_NULLS] = OF(REMOVE_NULLS),
        [TRANSFORM_REMOVE_WHITESPACE] = OF(COMPRESS_WHITESPACE) | OF(TRIM) | OF(TRIM_LEFT) | OF(TRIM_RIGHT),
        [TRANSFORM_TRIM] = OF(TRIM_LEFT) | OF(TRIM_RIGHT),
        [TRANSFORM_URL_DECODE_UNI] = OF(URL_DECODE),
    };
    bool backslash = seen & OF(ESCAPE_SEQ_DECODE);
    uint64_t windows = t == TRANSFORM_NORMALISE_PATH && !backslash ? OF(NORMALISE_PATH_WIN) : 0;
    return UINT64_C(1) << t | alike[t] | windows;
}

static bool may_change(const struct triggers *t, struct bytes in)
{
    const uint64_t *bits = t->bits;
    if (bits[0] & bits[1] & bits[2] & bits[3] & 1) /* all of them: also an empty input */
        return true;
    for (size_t i = 0; i < in.len; i++)
        if (bits[in.at[i] / 64] >> (in.at[i] % 64) & 1)
            return true;
    return false;
}

bool transform(enum transformation t, const struct unicode_map *map, struct bytes in, struct arena *a, struct bytes *ret)
{
    if (may_change(&rows[t].triggers, in))
        return transform_triggered(t, map, in, a, ret);
    *ret = in;
    return true;
}

/* All but the first `from` bytes, which stay as they are. */
static bool write_from(enum transformation t, const struct unicode_map *map, struct bytes in, size_t from, struct arena *a, struct bytes *ret)
{
    const struct row *row = &rows[t];
    struct bytes rest = bytes_slice(in, from, in.len);
    size_t room;
    if (__builtin_mul_overflow(in.len, (size_t)row->times, &room) || __builtin_add_overflow((room + 1) / 2, (size_t)row->plus + BLOCK, &room))
        return false;
    uint8_t *out = arena_buffer(a, room);
    if (!out)
        return false;
    if (from)
        memcpy(out, in.at, from);
    size_t len = row->write(rest, map, out + from);
    if (len == WRITE_FAILED)
        return false;
    bool unchanged = bytes_equal(bytes_of(out + from, len), rest);
    arena_trim(a, out, room, unchanged ? 0 : from + len);
    *ret = unchanged ? in : bytes_of(out, from + len);
    return true;
}

bool transform_triggered(enum transformation t, const struct unicode_map *map, struct bytes in, struct arena *a, struct bytes *ret)
{
    size_t from = same[t] ? same[t](in) : 0;
    if (!same[t] || from < in.len)
        return write_from(t, map, in, from, a, ret);
    *ret = in;
    return true;
}
