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

/* Is one of the bytes `c` first, or behind a separator or another `also`? */
static bool follows(struct bytes in, uint8_t c, uint8_t also)
{
    const uint8_t *end = in.at + in.len;
    for (const uint8_t *at = in.at; (at = memchr(at, c, (size_t)(end - at))); at++)
        if (at == in.at ? c == '.' : at[-1] == '/' || at[-1] == also)
            return true;
    return false;
}

/* Nothing is there to resolve: no separator beside another or before a dot, no two dots. Most text is so. */
static bool is_normal(struct bytes in, bool windows)
{
    return !follows(in, '.', '.') && !follows(in, '/', '/') && !(windows && memchr(in.at, '\\', in.len));
}

static size_t normalise(struct bytes in, bool windows, uint8_t *out)
{
    if (in.len == 0 || is_normal(in, windows))
        return WRITE_SAME;
    memcpy(out, in.at, in.len);
    struct path p = {.at = out, .last = in.len - 1, .windows = windows};
    p.relative = !separates(&p, out[0]);
    bool trailing = separates(&p, out[p.last]);
    for (bool done = false; !done && p.from <= p.last && p.to <= p.last;) {
        /* Only here, so that the last of a row of three or more backslashes stays one: as the peer has it. */
        for (size_t i = p.from; windows && i <= p.last && i <= p.from + 1; i++)
            if (out[i] == '\\')
                out[i] = '/';
        done = p.from == p.last;
        if (!done && out[p.from + 1] != '/')
            copy_byte(&p);
        else if (!done && out[p.from] == '/')
            copy_byte(&p);
        else
            step(&p);
    }
    if (!trailing && p.to && out[p.to - 1] == '/')
        p.to--;
    return p.to;
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

size_t write_cmd_line(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const uint8_t kinds[256] = {
        ['"'] = COMMAND_QUOTE, ['\''] = COMMAND_QUOTE, ['\\'] = COMMAND_QUOTE, ['^'] = COMMAND_QUOTE,
        [' '] = COMMAND_BLANK, [','] = COMMAND_BLANK, [';'] = COMMAND_BLANK, ['\t'] = COMMAND_BLANK, ['\r'] = COMMAND_BLANK, ['\n'] = COMMAND_BLANK,
        ['/'] = COMMAND_NEXT, ['('] = COMMAND_NEXT,
    };
    size_t n = 0;
    bool space = false;
    for (size_t i = 0; i < in.len; i++) { /* without branches that text makes unpredictable: what is too much is overwritten */
        uint8_t kind = kinds[in.at[i]];
        bool blank = kind == COMMAND_BLANK, quote = kind == COMMAND_QUOTE;
        n -= space && kind == COMMAND_NEXT;
        out[n] = blank ? ' ' : lower(in.at[i]);
        n += !quote && !(blank && space);
        space = blank || (quote && space);
    }
    return n;
}
