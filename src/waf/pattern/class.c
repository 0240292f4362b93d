/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of bytes: \d, \x41, [a-z[:digit:]]. pcre2pattern(3), "Backslash", "Square brackets", "POSIX character classes". */
#include "waf/pattern/node.h"

static void set_invert(struct byte_set *s)
{
    for (size_t i = 0; i < 4; i++)
        s->bits[i] = ~s->bits[i];
}

static void set_join(struct byte_set *s, const struct byte_set *more)
{
    for (size_t i = 0; i < 4; i++)
        s->bits[i] |= more->bits[i];
}

bool class_of_letter(uint8_t letter, struct byte_set *ret)
{
    struct byte_set s = {0};
    switch (letter | 0x20) {
    case 'd':
        set_add(&s, '0', '9');
        break;
    case 'w':
        set_add(&s, '0', '9');
        set_add(&s, 'a', 'z');
        set_add(&s, 'A', 'Z');
        set_add(&s, '_', '_');
        break;
    case 's':
        set_add(&s, '\t', '\r');
        set_add(&s, ' ', ' ');
        break;
    case 'h':
        set_add(&s, '\t', '\t');
        set_add(&s, ' ', ' ');
        break;
    case 'v':
        set_add(&s, '\n', '\r');
        break;
    case 'r': /* \R; \r is a byte */
    case 'n': /* \N */
        if (letter & 0x20)
            return false;
        set_add(&s, '\n', '\n');
        if (letter == 'N')
            set_invert(&s);
        *ret = s;
        return true;
    default:
        return false;
    }
    if (!(letter & 0x20))
        set_invert(&s);
    *ret = s;
    return true;
}

/* Up to `digits` of the base; how many there were. */
static size_t read_number(struct cursor *c, int base, size_t digits, unsigned *ret)
{
    size_t n = 0;
    *ret = 0;
    for (; n < digits && cursor_left(c); n++) {
        int value = hex_value(c->all.at[c->at]);
        if (value < 0 || value >= base)
            break;
        *ret = *ret * (unsigned)base + (unsigned)value;
        c->at++;
    }
    return n;
}

static bool hexadecimal_byte(struct cursor *c, uint8_t *ret)
{
    unsigned n;
    bool braces = cursor_left(c) && c->all.at[c->at] == '{';
    if (braces)
        c->at++;
    (void)read_number(c, 16, braces ? 8 : 2, &n);
    if (braces && (!cursor_left(c) || c->all.at[c->at++] != '}'))
        return false;
    *ret = (uint8_t)n;
    return n < 256;
}

bool escaped_byte(struct cursor *c, uint8_t *ret)
{
    static const char letters[] = "nrtfae", bytes[] = "\n\r\t\f\a\x1b";
    uint8_t letter;
    unsigned n;
    if (!cursor_u8(c, &letter))
        return false;
    if (letter == 'x')
        return hexadecimal_byte(c, ret);
    const char *found = letter ? strchr(letters, letter) : NULL;
    *ret = found ? (uint8_t)bytes[found - letters] : letter;
    if (letter == '0') {
        (void)read_number(c, 8, 2, &n);
        *ret = (uint8_t)n;
    }
    return true;
}

static bool posix_class(struct bytes name, struct byte_set *ret)
{
    static const struct {
        const char *name, *ranges; /* pairs of first and last */
    } classes[] = {{"alpha", "azAZ"}, {"digit", "09"}, {"alnum", "azAZ09"}, {"upper", "AZ"}, {"lower", "az"}, {"space", "\t\r  "}, {"blank", "\t\t  "},
        {"punct", "!/:@[`{~"}, {"xdigit", "09afAF"}, {"word", "azAZ09__"}, {"print", " ~"}, {"graph", "!~"}, {"cntrl", "\1\x1f\x7f\x7f"}, {"ascii", "\1\x7f"}};
    bool inverted = name.len && name.at[0] == '^';
    struct bytes wanted = bytes_slice(name, inverted, name.len);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (!bytes_equal(wanted, bytes_of_text(classes[i].name)))
            continue;
        struct byte_set s = {0};
        for (const char *r = classes[i].ranges; *r; r += 2)
            set_add(&s, (uint8_t)r[0], (uint8_t)r[1]);
        if (inverted)
            set_invert(&s);
        set_join(ret, &s);
        return true;
    }
    return false;
}

/* `[:NAME:]`, behind its first bracket. */
static bool read_posix(struct cursor *c, struct byte_set *ret)
{
    struct bytes rest = bytes_slice(c->all, c->at, SIZE_MAX);
    if (rest.len < 4 || rest.at[0] != ':')
        return false;
    const uint8_t *end = memmem(rest.at + 1, rest.len - 1, ":]", 2);
    if (!end || !posix_class(bytes_slice(rest, 1, (size_t)(end - rest.at) - 1), ret))
        return false;
    c->at += (size_t)(end - rest.at) + 2;
    return true;
}

/* One member: a class, which cannot begin a range, or a byte. */
static bool read_member(struct cursor *c, struct byte_set *ret_class, bool *ret_is_class, uint8_t *ret)
{
    uint8_t byte;
    *ret_is_class = false;
    if (!cursor_u8(c, &byte))
        return false;
    *ret = byte;
    if (byte == '[')
        *ret_is_class = read_posix(c, ret_class);
    if (byte != '\\')
        return true;
    struct byte_set s;
    if (cursor_left(c) && class_of_letter(c->all.at[c->at], &s)) {
        set_join(ret_class, &s);
        *ret_is_class = true;
        c->at++;
        return true;
    }
    if (cursor_left(c) && c->all.at[c->at] == 'b') { /* a backspace here */
        *ret = '\b';
        c->at++;
        return true;
    }
    return escaped_byte(c, ret);
}

static bool at_range(const struct cursor *c)
{
    return cursor_left(c) >= 2 && c->all.at[c->at] == '-' && c->all.at[c->at + 1] != ']';
}

bool class_read(struct cursor *c, struct byte_set *ret)
{
    struct byte_set s = {0};
    bool inverted = cursor_left(c) && c->all.at[c->at] == '^';
    if (inverted)
        c->at++;
    for (bool first = true; cursor_left(c) && (first || c->all.at[c->at] != ']'); first = false) {
        bool is_class, last_is_class = false;
        uint8_t byte, last;
        if (!read_member(c, &s, &is_class, &byte))
            return false;
        last = byte;
        if (!is_class && at_range(c)) {
            c->at++;
            if (!read_member(c, &s, &last_is_class, &last))
                return false;
        }
        if (last_is_class) {
            set_add(&s, byte, byte);
            set_add(&s, '-', '-');
        } else if (!is_class)
            set_add(&s, byte, last);
    }
    if (inverted)
        set_invert(&s);
    *ret = s;
    return cursor_skip(c, 1);
}
