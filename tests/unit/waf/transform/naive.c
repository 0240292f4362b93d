/* SPDX-License-Identifier: Apache-2.0 */
/* Transformations byte by byte, as plainly as they can be written: what the fast ones are held against (test_twin.c). */
#include "naive.h"

#include <limits.h>
#include <stdio.h>

#include "waf/transform/write.h"

static size_t naive_lowercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = lower(in.at[i]);
    return in.len;
}

static size_t naive_uppercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = in.at[i] >= 'a' && in.at[i] <= 'z' ? in.at[i] & 0xdf : in.at[i];
    return in.len;
}

static size_t naive_compress_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool after_space = false;
    for (size_t i = 0; i < in.len; i++) {
        bool space = is_space(in.at[i]);
        out[n] = space ? ' ' : in.at[i]; /* overwritten where it is one too many: no branch that text makes unpredictable */
        n += !(space && after_space);
        after_space = space;
    }
    return n;
}

/* Both bytes of U+00A0 in UTF-8 go, wherever they stand. */
static size_t naive_remove_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        if (!is_space(in.at[i]) && in.at[i] != 0xa0 && in.at[i] != 0xc2)
            out[n++] = in.at[i];
    return n;
}

static size_t naive_remove_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i])
            out[n++] = in.at[i];
    return n;
}

static size_t naive_replace_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = in.at[i] ? in.at[i] : ' ';
    return in.len;
}

static size_t trimmed(struct bytes in, bool left, bool right, uint8_t *out)
{
    size_t from = 0, to = in.len;
    while (right && to > 0 && is_space(in.at[to - 1]))
        to--;
    while (left && from < to && is_space(in.at[from]))
        from++;
    if (to > from)
        memcpy(out, in.at + from, to - from);
    return to - from;
}

static size_t naive_trim(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, true, out);
}

static size_t naive_trim_left(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, false, out);
}

static size_t naive_trim_right(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, false, true, out);
}

static bool begins(struct bytes in, size_t i, const char *with)
{
    size_t len = strlen(with);
    return in.len - i >= len && memcmp(in.at + i, with, len) == 0;
}

/* The byte behind a comment's end is copied unseen, also the NUL behind the end of the input: as the peer does. */
static size_t naive_remove_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < in.len;) {
        if (inside) {
            size_t closing = begins(in, i, "*/") ? 2 : begins(in, i, "-->") ? 3 : 0;
            if (closing) {
                inside = false;
                i += closing;
                out[n++] = byte_at(in, i);
            }
            i++;
        } else if (begins(in, i, "/*") || begins(in, i, "<!--")) {
            inside = true;
            i += in.at[i] == '/' ? 2 : 4;
        } else if (begins(in, i, "--") || in.at[i] == '#') {
            break;
        } else {
            out[n++] = in.at[i++];
        }
    }
    if (inside)
        out[n++] = ' ';
    return n;
}

static size_t naive_remove_comments_char(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const char *const marks[] = {"/*", "*/", "<!--", "-->", "--", "#"};
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t skip = 0;
        for (size_t m = 0; m < sizeof marks / sizeof marks[0] && !skip; m++)
            if (begins(in, i, marks[m]))
                skip = strlen(marks[m]);
        if (skip)
            i += skip;
        else
            out[n++] = in.at[i++];
    }
    return n;
}

static size_t naive_replace_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < in.len;) {
        if (begins(in, i, inside ? "*/" : "/*")) {
            if (inside)
                out[n++] = ' ';
            inside = !inside;
            i += 2;
        } else {
            if (!inside)
                out[n++] = in.at[i];
            i++;
        }
    }
    if (inside)
        out[n++] = ' ';
    return n;
}

/* One to six digits from `i` on: the byte that CSS's escape becomes. */
static uint8_t css_byte(struct bytes in, size_t i, size_t digits)
{
    if (digits == 1)
        return (uint8_t)hex_digit(in.at[i]);
    uint8_t low = hex_pair(in, i + digits - 2);
    bool leading_zeros = digits == 4 || (digits == 5 && in.at[i] == '0') ||
        (digits == 6 && in.at[i] == '0' && in.at[i + 1] == '0');
    return leading_zeros ? full_width(in, i + digits - 4, low) : low;
}

/* The peer takes the result for a C string: it ends at its first NUL. */
static size_t naive_css_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint8_t c = in.at[i++];
        if (c == '\\') {
            if (i == in.len)
                break;
            size_t digits = hex_run(in, i, 6);
            if (digits == 0 && in.at[i] == '\n') {
                i++;
                continue;
            }
            c = digits ? css_byte(in, i, digits) : in.at[i];
            i += digits ? digits : 1;
            if (digits && is_space(byte_at(in, i)))
                i++;
        }
        if (c == 0)
            break;
        out[n++] = c;
    }
    return n;
}

/* `i` is behind the backslash, with a byte there; returns how many bytes belong to the escape. */
static size_t js_escape(struct bytes in, size_t i, uint8_t *ret)
{
    uint8_t c = in.at[i];
    if (c == 'u' && hex_run(in, i + 1, 4) == 4) {
        *ret = full_width(in, i + 1, hex_pair(in, i + 3));
        return 5;
    }
    if (c == 'x' && hex_run(in, i + 1, 2) == 2) {
        *ret = hex_pair(in, i + 1);
        return 3;
    }
    if (is_octal(c)) {
        size_t digits = octal_run(in, i, c > '3' ? 2 : 3); /* \400 and more is no byte */
        *ret = octal_value(in, i, digits);
        return digits;
    }
    *ret = control_escape(c) ? control_escape(c) : c;
    return 1;
}

static size_t c_escape(struct bytes in, size_t i, uint8_t *ret)
{
    uint8_t c = in.at[i];
    if (lower(c) == 'x' && hex_run(in, i + 1, 2) == 2) {
        *ret = hex_pair(in, i + 1);
        return 3;
    }
    if (is_octal(c)) {
        size_t digits = octal_run(in, i, 3);
        *ret = octal_value(in, i, digits);
        return digits;
    }
    *ret = control_escape(c) ? control_escape(c) : c;
    return 1;
}

/* A backslash at the very end stays. */
static size_t unescape(struct bytes in, size_t (*escape)(struct bytes in, size_t i, uint8_t *ret), uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        if (in.at[i] == '\\' && i + 1 < in.len)
            i += 1 + escape(in, i + 1, &out[n++]);
        else
            out[n++] = in.at[i++];
    }
    return n;
}

static size_t naive_js_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return unescape(in, js_escape, out);
}

static size_t naive_escape_seq_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return unescape(in, c_escape, out);
}

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* The digits from `i` to `end`; as strtol(), a number too large is LONG_MAX, of which the low byte is taken. */
static uint8_t number(struct bytes in, size_t i, size_t end, long base)
{
    long value = 0;
    for (; i < end; i++)
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (long)hex_digit(in.at[i]), &value))
            return (uint8_t)(LONG_MAX & 0xff);
    return (uint8_t)value;
}

static bool name(struct bytes in, size_t i, size_t end, uint8_t *ret)
{
    static const struct {
        const char *name;
        uint8_t is;
    } names[] = {{"quot", '"'}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"nbsp", 0xa0}};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        if (bytes_equal_caseless(bytes_slice(in, i, end - i), bytes_of_text(names[n].name))) {
            *ret = names[n].is;
            return true;
        }
    return false;
}

/* At '&'. The length of the entity with its semicolon, or 0 and in *ret_copy how much goes through as it is. */
static size_t entity(struct bytes in, size_t amp, uint8_t *ret, size_t *ret_copy)
{
    size_t from = amp + 1, end;
    bool hex = false, numeric = byte_at(in, from) == '#';
    if (numeric) {
        from++;
        hex = lower(byte_at(in, from)) == 'x';
        from += hex;
    }
    for (end = from; end < in.len; end++)
        if (numeric ? !(hex ? is_hex(in.at[end]) : is_digit(in.at[end])) : !is_alnum(in.at[end]))
            break;
    *ret_copy = numeric ? from - amp : end - amp;
    if (end == from)
        return 0;
    if (numeric)
        *ret = number(in, from, end, hex ? 16 : 10);
    else if (!name(in, from, end, ret))
        return 0;
    return end + (byte_at(in, end) == ';') - amp;
}

static size_t naive_html_entity_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint8_t byte = 0;
        size_t copy = 1, len = in.at[i] == '&' ? entity(in, i, &byte, &copy) : 0;
        if (len)
            out[n++] = byte;
        else {
            memcpy(out + n, in.at + i, copy);
            n += copy;
        }
        i += len ? len : copy;
    }
    return n;
}

static size_t naive_url_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        if (in.at[i] == '%' && hex_run(in, i + 1, 2) == 2) {
            out[n++] = hex_pair(in, i + 1);
            i += 3;
        } else {
            out[n++] = in.at[i] == '+' ? ' ' : in.at[i];
            i++;
        }
    }
    return n;
}

static uint8_t mapped(struct bytes in, size_t i, const struct unicode_map *map)
{
    if (map && map->code_page > 0) {
        int16_t to = map->to[hex_pair(in, i) << 8 | hex_pair(in, i + 2)];
        if (to != -1)
            return (uint8_t)to;
    }
    return full_width(in, i, hex_pair(in, i + 2));
}

static size_t naive_url_decode_uni(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        if (in.at[i] == '%' && lower(byte_at(in, i + 1)) == 'u') {
            if (hex_run(in, i + 2, 4) == 4) {
                out[n++] = mapped(in, i + 2, map);
                i += 6;
            } else {
                out[n++] = in.at[i++];
                out[n++] = in.at[i++];
            }
        } else if (in.at[i] == '%' && hex_run(in, i + 1, 2) == 2) {
            out[n++] = hex_pair(in, i + 1);
            i += 3;
        } else {
            out[n++] = in.at[i] == '+' ? ' ' : in.at[i];
            i++;
        }
    }
    return n;
}

/* Bytes that the lead byte `c` announces; 1 for what is no lead byte. Loosely, as the peer: C0, C1, F5.. too. */
static size_t announced(uint8_t c)
{
    return (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
}

/* A NUL goes, and so does a lead byte without its sequence; a sequence that must not be is followed by its lead byte. */
static size_t naive_utf8_to_unicode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint8_t c = in.at[i];
        size_t len = announced(c), have = 1;
        if (len == 1) {
            if (c)
                out[n++] = c;
            i++;
            continue;
        }
        if (c >= 0xf5)
            out[n++] = c;
        unsigned code = c & (0xffu >> (len + 1));
        for (; have < len && (byte_at(in, i + have) & 0xc0) == 0x80; have++)
            code = code << 6 | (byte_at(in, i + have) & 0x3fu);
        if (have < len) {
            i++;
            continue;
        }
        char text[12];
        int written = snprintf(text, sizeof text, "%%u%04x", code);
        memcpy(out + n, text, (size_t)written);
        n += (size_t)written;
        if (code >= 0xd800 && code <= 0xdfff)
            out[n++] = c;
        if (code < least[len])
            out[n++] = c;
        i += len;
    }
    return n;
}

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

static size_t normalise(struct bytes in, bool windows, uint8_t *out)
{
    if (in.len == 0)
        return 0;
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

static size_t naive_normalise_path(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return normalise(in, false, out);
}

static size_t naive_normalise_path_win(struct bytes in, const struct unicode_map *map, uint8_t *out)
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

static size_t naive_cmd_line(struct bytes in, const struct unicode_map *map, uint8_t *out)
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

static int sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Only digits, then at most two '='; line ends anywhere, spaces only before a line end or at the very end. */
static bool is_base64(struct bytes in)
{
    size_t pads = 0;
    for (size_t i = 0; i < in.len; i++) {
        bool spaces = false;
        for (; i < in.len && in.at[i] == ' '; i++)
            spaces = true;
        if (i == in.len)
            return true;
        if (in.at[i] == '\n' || (in.at[i] == '\r' && byte_at(in, i + 1) == '\n'))
            continue;
        if (spaces || (in.at[i] == '=' ? ++pads > 2 : sextet(in.at[i]) < 0 || pads))
            return false;
    }
    return true;
}

/* What is not Base64 becomes nothing, and so do digits behind the last four. A NUL ends the input. */
static size_t naive_base64_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    const uint8_t *nul = in.len ? memchr(in.at, 0, in.len) : NULL;
    if (nul)
        in.len = (size_t)(nul - in.at);
    if (!is_base64(in))
        return 0;
    uint32_t x = 0;
    size_t n = 0, have = 0, whole = 3;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.at[i];
        if (c == '\r' || c == '\n' || c == ' ')
            continue;
        whole -= c == '=';
        x = x << 6 | (c == '=' ? 0 : (uint32_t)sextet(c));
        if (++have < 4)
            continue;
        have = 0;
        for (size_t k = 0; k < whole; k++)
            out[n++] = (uint8_t)(x >> (16 - 8 * k));
    }
    return n;
}

/*
 * 0xHH.. of SQL. As the peer: what follows the digits is copied unseen, the last byte of the input is lost unless a
 * digit, and the result ends at its first NUL.
 */
static size_t naive_sql_hex_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < in.len;) {
        if (in.at[i] == '0' && lower(in.at[i + 1]) == 'x' && hex_run(in, i + 2, 2) == 2)
            for (i += 2; hex_run(in, i, 2) == 2; i += 2) {
                if (!(out[n] = hex_pair(in, i)))
                    return n;
                n++;
            }
        uint8_t c = byte_at(in, i++);
        if (c == 0)
            break;
        out[n++] = c;
    }
    return n;
}

const struct naive naives[] = {
    {TRANSFORM_LOWERCASE, naive_lowercase},
    {TRANSFORM_UPPERCASE, naive_uppercase},
    {TRANSFORM_COMPRESS_WHITESPACE, naive_compress_whitespace},
    {TRANSFORM_REMOVE_WHITESPACE, naive_remove_whitespace},
    {TRANSFORM_REMOVE_NULLS, naive_remove_nulls},
    {TRANSFORM_REPLACE_NULLS, naive_replace_nulls},
    {TRANSFORM_TRIM, naive_trim},
    {TRANSFORM_TRIM_LEFT, naive_trim_left},
    {TRANSFORM_TRIM_RIGHT, naive_trim_right},
    {TRANSFORM_REMOVE_COMMENTS, naive_remove_comments},
    {TRANSFORM_REMOVE_COMMENTS_CHAR, naive_remove_comments_char},
    {TRANSFORM_REPLACE_COMMENTS, naive_replace_comments},
    {TRANSFORM_CSS_DECODE, naive_css_decode},
    {TRANSFORM_JS_DECODE, naive_js_decode},
    {TRANSFORM_ESCAPE_SEQ_DECODE, naive_escape_seq_decode},
    {TRANSFORM_HTML_ENTITY_DECODE, naive_html_entity_decode},
    {TRANSFORM_URL_DECODE, naive_url_decode},
    {TRANSFORM_URL_DECODE_UNI, naive_url_decode_uni},
    {TRANSFORM_UTF8_TO_UNICODE, naive_utf8_to_unicode},
    {TRANSFORM_NORMALISE_PATH, naive_normalise_path},
    {TRANSFORM_NORMALISE_PATH_WIN, naive_normalise_path_win},
    {TRANSFORM_CMD_LINE, naive_cmd_line},
    {TRANSFORM_BASE64_DECODE, naive_base64_decode},
    {TRANSFORM_SQL_HEX_DECODE, naive_sql_hex_decode},
};
const size_t naive_count = sizeof naives / sizeof naives[0];
