/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of bytes: \d, \x41, \p{L}, [a-z[:digit:]]. pcre2pattern(3), "Backslash", "Square brackets", "POSIX character classes". */
#include "waf/operator/regex.h"
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
        set_add(&s, 0xa0, 0xa0);
        break;
    case 'v':
        set_add(&s, '\n', '\r');
        set_add(&s, 0x85, 0x85);
        break;
    case 'r': /* \R; \r is a byte */
    case 'n': /* \N */
    case 'x': /* \X; of bytes only CR LF is a cluster of two */
    case 'c': /* \C */
        if (letter & 0x20)
            return false;
        if (letter != 'X' && letter != 'C')
            set_add(&s, '\n', '\n');
        if (letter != 'R')
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

/* \o{101} */
static bool octal_byte(struct cursor *c, uint8_t *ret)
{
    uint8_t brace;
    unsigned n;
    bool ok = cursor_u8(c, &brace) && brace == '{' && read_number(c, 8, 8, &n) && cursor_u8(c, &brace) && brace == '}' && n < 256;
    if (ok)
        *ret = (uint8_t)n;
    return ok;
}

/* \cA: control and A. */
static bool control_byte(struct cursor *c, uint8_t *ret)
{
    uint8_t key;
    if (!cursor_u8(c, &key))
        return false;
    *ret = (key >= 'a' && key <= 'z' ? key & 0xdf : key) ^ 0x40;
    return true;
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
    if (letter == 'o')
        return octal_byte(c, ret);
    if (letter == 'c')
        return control_byte(c, ret);
    const char *found = letter ? strchr(letters, letter) : NULL;
    *ret = found ? (uint8_t)bytes[found - letters] : letter;
    if (letter < '0' || letter > '7')
        return true;
    c->at--;
    (void)read_number(c, 8, 3, &n);
    *ret = (uint8_t)n;
    return n < 256;
}

/* Of an expression that is a property alone. */
static bool bytes_that_match(struct bytes expression, struct byte_set *ret)
{
    struct regex_error ignored;
    struct regex *r = regex_compile(expression, false, &ignored);
    struct regex_scratch *s = r ? regex_scratch_create(&(struct regex_limits){1000, 1000}) : NULL;
    struct byte_set found = {0};
    for (unsigned i = 0; s && i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        if (regex_match(r, s, bytes_of(&byte, 1), NULL, NULL) == REGEX_YES)
            set_add(&found, byte, byte);
    }
    bool ok = s != NULL;
    regex_scratch_free(s);
    regex_free(r);
    *ret = found;
    return ok;
}

bool class_of_property(struct cursor *c, struct byte_set *ret)
{
    size_t from = c->at - 1; /* the backslash */
    uint8_t byte;
    if (!cursor_skip(c, 1) || !cursor_u8(c, &byte))
        return false;
    while (byte != '}' && c->all.at[from + 2] == '{')
        if (!cursor_u8(c, &byte))
            return false;
    return bytes_that_match(bytes_slice(c->all, from, c->at - from), ret);
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
        if (strcmp(classes[i].name, "cntrl") == 0 || strcmp(classes[i].name, "ascii") == 0)
            set_add(&s, 0, 0);
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

struct class_reader {
    struct cursor *c;
    struct byte_set set;
    bool spaced, quoted; /* within \Q...\E */
};

static bool at_text(const struct class_reader *r, const char *text)
{
    return bytes_equal(bytes_slice(r->c->all, r->c->at, strlen(text)), bytes_of_text(text));
}

/* What is no member: \Q, \E, and blanks that mean nothing. */
static void skip_marks(struct class_reader *r)
{
    for (;;) {
        bool ends = at_text(r, "\\E"), begins = !r->quoted && at_text(r, "\\Q");
        if (ends || begins)
            r->quoted = begins;
        else if (r->quoted || !r->spaced || !(at_text(r, " ") || at_text(r, "\t")))
            return;
        r->c->at += ends || begins ? 2 : 1;
    }
}

/* A backslash and a letter that stand for more than one byte. */
static bool read_escaped_class(struct class_reader *r, bool *ret_is_class)
{
    struct byte_set s;
    uint8_t letter = cursor_left(r->c) ? r->c->all.at[r->c->at] : 0;
    *ret_is_class = letter == 'p' || letter == 'P';
    if (*ret_is_class) {
        if (!class_of_property(r->c, &s))
            return false;
    } else if (class_of_letter(letter, &s)) {
        *ret_is_class = true;
        r->c->at++;
    }
    if (*ret_is_class)
        set_join(&r->set, &s);
    return true;
}

/* One member: a class, which cannot begin a range, or a byte. */
static bool read_member(struct class_reader *r, bool *ret_is_class, uint8_t *ret)
{
    *ret_is_class = false;
    if (!cursor_u8(r->c, ret))
        return false;
    if (r->quoted)
        return true;
    if (*ret == '[')
        *ret_is_class = read_posix(r->c, &r->set);
    if (*ret != '\\')
        return true;
    if (!read_escaped_class(r, ret_is_class))
        return false;
    if (*ret_is_class)
        return true;
    if (at_text(r, "b")) { /* a backspace here */
        *ret = '\b';
        return cursor_skip(r->c, 1);
    }
    return escaped_byte(r->c, ret);
}

/* A byte was read: alone, or the first of a range. */
static bool read_range(struct class_reader *r, uint8_t first)
{
    bool last_is_class = false;
    uint8_t last = first;
    skip_marks(r);
    if (!r->quoted && at_text(r, "-")) {
        r->c->at++;
        skip_marks(r);
        bool at_end = !r->quoted && at_text(r, "]");
        if (!at_end && !read_member(r, &last_is_class, &last))
            return false;
        if (at_end || last_is_class) {
            set_add(&r->set, '-', '-');
            last = first;
        }
    }
    set_add(&r->set, first, last);
    return true;
}

bool class_read(struct cursor *c, bool spaced, struct byte_set *ret)
{
    struct class_reader r = {.c = c, .spaced = spaced};
    skip_marks(&r);
    bool inverted = !r.quoted && at_text(&r, "^");
    if (inverted)
        c->at++;
    skip_marks(&r);
    for (bool first = true; cursor_left(c) && (first || r.quoted || !at_text(&r, "]")); first = false) {
        bool is_class;
        uint8_t byte;
        if (!read_member(&r, &is_class, &byte) || (!is_class && !read_range(&r, byte)))
            return false;
        skip_marks(&r);
    }
    if (inverted)
        set_invert(&r.set);
    *ret = r.set;
    return cursor_skip(c, 1);
}
