/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, of Unix and of Windows, and command lines. */
#include "waf/transform/write.h"

struct path {
    uint8_t *at;
    size_t from, to, last; /* next byte to read, where it goes, the last byte of the input; to <= from + 1 */
    bool windows, relative;
    bool at_root; /* the last .. had nothing left to take away */
};

static bool separates(const struct path *p, uint8_t c)
{
    return c == '/' || (p->windows && c == '\\');
}

/* A separator and those behind it, as one; a relative path does not begin with one. */
static void copy_byte(struct path *p)
{
    if (p->at[p->from] == '/') {
        while (p->from < p->last && separates(p, p->at[p->from + 1]))
            p->from++;
        if (p->relative && p->to == 0) {
            p->from++;
            return;
        }
    }
    p->at[p->to++] = p->at[p->from++];
}

/* The second dot of "..": takes the segment before it away, or stays when a relative path has none. */
static bool take_segment(struct path *p)
{
    if (p->relative && (p->at_root || p->to <= 2)) {
        p->at_root = true;
        return false;
    }
    p->to = p->to > 3 ? p->to - 3 : 0;
    while (p->to > 0 && p->at[p->to] != '/')
        p->to--;
    if (p->to == 0) {
        p->at_root = true;
        p->to = !p->relative && p->from == p->last;
    }
    return true;
}

/* One step at the end of a segment or of the path: dots are resolved, all else is copied. */
static void step(struct path *p)
{
    bool end = p->from == p->last;
    if (p->at[p->from] == '.') {
        uint8_t before = p->to ? p->at[p->to - 1] : 0;
        if (p->to && before == '.') {
            if (take_segment(p)) {
                if (end)
                    return;
                p->from++;
            }
        } else if (p->to == 0 || before == '/') {
            if (end)
                return;
            p->to -= p->to > 0;
            p->from++;
        }
    } else if (p->to && (end || p->at[p->from] != '/')) {
        p->at_root = false;
    }
    copy_byte(p);
}

/* Of what stands before a byte. */
enum { BEFORE_SEGMENT = 1, BEFORE_SLASH = 2 }; /* it begins a segment, or a dot does; it is a slash */

/* What may be there to resolve: a separator beside another, a dot behind one or behind a dot. */
BLOCK_INLINE uint32_t find_unresolved(block b, uint32_t *carry)
{
    block slash = block_is(b, '/');
    uint32_t either = block_bits(block_is(b, '.') | slash), before = *carry;
    *carry = 0;
    if (!either)
        return 0;
    uint32_t slashes = block_bits(slash), dots = either ^ slashes;
    *carry = either >> (BLOCK - 1) | (slashes >> (BLOCK - 1)) * BEFORE_SLASH;
    return (dots & (either << 1 | (before & BEFORE_SEGMENT))) | (slashes & (slashes << 1 | before / BEFORE_SLASH));
}

BLOCK_INLINE uint32_t find_unresolved_win(block b, uint32_t *carry)
{
    return find_unresolved(b, carry) | find_backslash(b, carry);
}

static size_t first_unresolved(struct bytes in, bool windows)
{
    return windows ? block_find(in, 0, find_unresolved_win, BEFORE_SEGMENT) : block_find(in, 0, find_unresolved, BEFORE_SEGMENT);
}

BLOCK_INLINE uint32_t find_separator(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '/') | block_is(b, '\\'));
}

/* What stands before the next separator, but for its last byte, is as it is. */
static void copy_segment(struct path *p)
{
    struct bytes rest = bytes_of(p->at + p->from, p->last + 1 - p->from);
    size_t len = rest.len ? block_find(rest, 0, find_separator, 0) : 0;
    if (len < 2)
        return;
    memmove(p->at + p->to, rest.at, len - 1);
    p->to += len - 1;
    p->from += len - 1;
}

static size_t normalise(struct bytes in, bool windows, uint8_t *out)
{
    size_t same = first_unresolved(in, windows);
    memcpy(out, in.at, in.len);
    struct path p = {.at = out, .last = in.len - 1, .windows = windows};
    p.relative = !separates(&p, out[0]);
    p.from = p.to = same ? same - 1 : 0; /* up to there each byte would be copied */
    bool trailing = separates(&p, out[p.last]);
    for (bool done = false; !done && p.from <= p.last && p.to <= p.last;) {
        /* Only here, so that the last of a row of three or more backslashes stays one: as the peer has it. */
        for (size_t i = p.from; windows && i <= p.last && i <= p.from + 1; i++)
            if (out[i] == '\\')
                out[i] = '/';
        done = p.from == p.last;
        if (!done && out[p.from + 1] != '/') {
            copy_byte(&p);
            copy_segment(&p);
        } else if (!done && out[p.from] == '/') {
            copy_byte(&p);
        } else {
            step(&p);
        }
    }
    if (!trailing && p.to && out[p.to - 1] == '/')
        p.to--;
    return p.to;
}

size_t same_normalise_path(struct bytes in)
{
    return first_unresolved(in, false) < in.len ? 0 : in.len;
}

size_t same_normalise_path_win(struct bytes in)
{
    return first_unresolved(in, true) < in.len ? 0 : in.len;
}

size_t write_normalise_path(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return normalise(in, false, out);
}

size_t write_normalise_path_win(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return normalise(in, true, out);
}

/* What a byte is to a command line. */
enum command_byte {
    COMMAND_OTHER,
    COMMAND_QUOTE, /* left out */
    COMMAND_BLANK, /* a row of them is one blank */
    COMMAND_NEXT,  /* no blank stands before it */
};

static const uint8_t command_bytes[256] = {
    ['"'] = COMMAND_QUOTE, ['\''] = COMMAND_QUOTE, ['\\'] = COMMAND_QUOTE, ['^'] = COMMAND_QUOTE,
    [' '] = COMMAND_BLANK, [','] = COMMAND_BLANK, [';'] = COMMAND_BLANK, ['\t'] = COMMAND_BLANK, ['\r'] = COMMAND_BLANK, ['\n'] = COMMAND_BLANK,
    ['/'] = COMMAND_NEXT, ['('] = COMMAND_NEXT,
};

/* What is more than a letter to be made small: all but single blanks, and also what may not stand behind one. */
BLOCK_INLINE uint32_t find_command_byte(block b, uint32_t *carry)
{
    block quotes = block_is(b, '"') | block_is(b, '\'') | block_is(b | block_of('\\' ^ '^'), '^'); /* '\\' and '^' differ in one bit */
    block others = block_is(b, ',') | block_is(b, ';') | block_within(b, '\t', '\r');
    block next = block_is(b, '/') | block_is(b, '(');
    uint32_t blanks = block_bits(block_is(b, ' ')), behind = blanks << 1 | *carry;
    *carry = blanks >> (BLOCK - 1);
    return block_bits(quotes | others) | (behind & (blanks | block_bits(next)));
}

BLOCK_INLINE uint32_t find_command(block b, uint32_t *carry)
{
    return find_command_byte(b, carry) | block_bits(block_within(b, 'A', 'Z'));
}

size_t same_cmd_line(struct bytes in)
{
    size_t from = block_find(in, 0, find_command, 0);
    return from < in.len && from > 0 && in.at[from - 1] == ' ' ? from - 1 : from;
}

size_t write_cmd_line(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) { /* never behind a blank: what follows one was looked at with it */
        size_t run = block_copy(in, i, out + n, find_command_byte, 0, lower_block);
        n += run;
        i += run;
        bool space = run && in.at[i - 1] == ' ';
        do { /* without branches that text makes unpredictable: what is too much is overwritten */
            if (i == in.len)
                break;
            uint8_t kind = command_bytes[in.at[i]];
            bool blank = kind == COMMAND_BLANK, quote = kind == COMMAND_QUOTE;
            n -= space && kind == COMMAND_NEXT;
            out[n] = blank ? ' ' : lower(in.at[i]);
            n += !quote && !(blank && space);
            space = blank || (quote && space);
        } while (command_bytes[in.at[i++]] != COMMAND_OTHER);
    }
    return n;
}
