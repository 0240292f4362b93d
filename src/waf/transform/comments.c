/* SPDX-License-Identifier: Apache-2.0 */
/* Comments of C, SQL and HTML. */
#include "waf/transform/write.h"

static bool begins(struct bytes in, size_t i, const char *with)
{
    size_t len = strlen(with);
    return in.len - i >= len && memcmp(in.at + i, with, len) == 0;
}

/* Bytes with which a mark begins. */
BLOCK_INLINE uint32_t find_opening(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '/') | block_is(b, '<') | block_is(b, '-') | block_is(b, '#'));
}

BLOCK_INLINE uint32_t find_mark(block b, uint32_t *carry)
{
    return find_opening(b, carry) | block_bits(block_is(b, '*'));
}

/* The length of the mark that opens a comment here, or 0. `*ret_rest`: one that takes the rest. */
static size_t opening(struct bytes in, size_t i, bool *ret_rest)
{
    *ret_rest = in.at[i] == '#' || begins(in, i, "--");
    if (*ret_rest)
        return in.at[i] == '#' ? 1 : 2;
    return begins(in, i, "/*") ? 2 : begins(in, i, "<!--") ? 4 : 0;
}

static size_t closing(struct bytes in, size_t i)
{
    return begins(in, i, "*/") ? 2 : begins(in, i, "-->") ? 3 : 0;
}

size_t same_remove_comments(struct bytes in)
{
    bool rest;
    size_t i = block_find(in, 0, find_opening, 0);
    while (i < in.len && !opening(in, i, &rest))
        i = block_find(in, i + 1, find_opening, 0);
    return i;
}

/* The byte behind a comment's end is copied unseen, also the NUL behind the end of the input: as the peer does. */
size_t write_remove_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_opening, 0, block_as_it_is), len;
        bool rest;
        n += run;
        i += run;
        if (i == in.len)
            break;
        if (!(len = opening(in, i, &rest))) {
            out[n++] = in.at[i++];
            continue;
        }
        if (rest)
            break;
        for (i += len; i < in.len && !(len = closing(in, i));)
            i++;
        out[n++] = i < in.len ? byte_at(in, i + len) : ' ';
        i += len + 1;
    }
    return n;
}

/* The length of any mark here, or 0. */
static size_t mark(struct bytes in, size_t i)
{
    switch (in.at[i]) {
    case '/':
        return begins(in, i, "/*") ? 2 : 0;
    case '*':
        return begins(in, i, "*/") ? 2 : 0;
    case '<':
        return begins(in, i, "<!--") ? 4 : 0;
    case '-':
        return begins(in, i, "-->") ? 3 : begins(in, i, "--") ? 2 : 0;
    default:
        return in.at[i] == '#';
    }
}

size_t same_remove_comments_char(struct bytes in)
{
    size_t i = block_find(in, 0, find_mark, 0);
    while (i < in.len && !mark(in, i))
        i = block_find(in, i + 1, find_mark, 0);
    return i;
}

size_t write_remove_comments_char(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_mark, 0, block_as_it_is);
        n += run;
        i += run;
        if (i == in.len)
            break;
        size_t len = mark(in, i);
        if (!len)
            out[n++] = in.at[i++];
        i += len;
    }
    return n;
}

/* The second byte of what opens or closes a comment of C. */
BLOCK_INLINE uint32_t find_pair(block b, uint32_t *carry, uint8_t first, uint8_t second)
{
    uint32_t firsts = block_bits(block_is(b, first)), behind = firsts << 1 | *carry;
    *carry = firsts >> (BLOCK - 1);
    return behind & block_bits(block_is(b, second));
}

BLOCK_INLINE uint32_t find_comment(block b, uint32_t *carry)
{
    return find_pair(b, carry, '/', '*');
}

BLOCK_INLINE uint32_t find_comment_end(block b, uint32_t *carry)
{
    return find_pair(b, carry, '*', '/');
}

size_t same_replace_comments(struct bytes in)
{
    size_t second = block_find(in, 0, find_comment, 0);
    return second < in.len ? second - 1 : in.len;
}

size_t write_replace_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_comment, 0, block_as_it_is);
        n += run;
        i += run;
        if (i == in.len)
            break;
        out[n - 1] = ' '; /* where the slash is */
        i = block_find(in, i + 1, find_comment_end, 0);
        i += i < in.len;
    }
    return n;
}
