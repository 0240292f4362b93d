/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of a condition to tokens and literal values. Knows CEL's lexical rules, RFC 3339 and the notation of
 * durations; knows nothing of grammar or types. Numbers are read by hand: no locale, no rounding.
 */
#include "policy/condition_tree.h"

#include "policy/calendar.h"

/* The byte `ahead` of the next unread one, or -1 past the end. */
static int peek(const struct compilation *r, size_t ahead)
{
    return ahead < r->source.len - r->at ? r->source.at[r->at + ahead] : -1;
}
static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static bool is_word_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_word(int c)
{
    return is_word_start(c) || is_digit(c);
}
static int hex_digit(int c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* ---- strings ---- */

/* Length of the well-formed UTF-8 sequence at the start of what is left (RFC 3629), or 0. */
static size_t utf8_length(const struct compilation *r)
{
    int c = peek(r, 0);
    size_t n = c < 0 ? 0 : c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((peek(r, i) & 0xc0) != 0x80 || peek(r, i) < 0)
            return 0;
    int second = peek(r, 1);
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
        (c == 0xf4 && second > 0x8f))
        return 0;
    return n;
}

static size_t utf8_put(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* One escape, behind its backslash. */
static bool read_escape(struct compilation *r, uint32_t *ret)
{
    static const char plain[] = "\\\\\"\"''``??a\ab\bf\fn\nr\rt\tv\v";
    size_t start = r->at - 1;
    int c = peek(r, 0);
    for (size_t i = 0; plain[i]; i += 2)
        if (c == plain[i]) {
            r->at++;
            *ret = (uint32_t)plain[i + 1];
            return true;
        }
    size_t digits = c == 'x' || c == 'X' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : is_digit(c) ? 3 : 0;
    size_t skip = digits == 3 ? 0 : 1;
    int base = digits == 3 ? 8 : 16;
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = hex_digit(peek(r, skip + i));
        if (d < 0 || d >= base)
            digits = 0;
        value = value * (uint64_t)base + (uint64_t)(d < 0 ? 0 : d);
    }
    if (digits == 0)
        return COMPLAIN(r, start, 2, "a backslash itself is written \\\\", "this is not an escape sequence");
    if ((digits == 3 && value > 0377) || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return COMPLAIN(r, start, digits + skip + 1, NULL, "this escape is not a character");
    r->at += skip + digits;
    *ret = (uint32_t)value;
    return true;
}

static bool lex_string(struct compilation *r, struct token *t)
{
    bool raw = peek(r, 0) == 'r' || peek(r, 0) == 'R';
    r->at += raw;
    int quote = peek(r, 0);
    if (peek(r, 1) == quote && peek(r, 2) == quote)
        return COMPLAIN(r, t->offset, 3, "write it between single quotation marks of one kind", "strings in triple quotes are not supported");
    r->at++;
    /* Escapes only shrink: what is left of the source is room enough. Its end is found first. */
    size_t end = r->at;
    while (end < r->source.len && r->source.at[end] != quote)
        end += !raw && r->source.at[end] == '\\' ? 2 : 1;
    if (end >= r->source.len)
        return COMPLAIN(r, t->offset, r->source.len - t->offset, NULL, "this string has no end");
    uint8_t *out = arena_alloc(r->arena, end - r->at + 1);
    if (!out)
        return no_memory(r);
    size_t len = 0;
    while (r->at < end) {
        size_t n = utf8_length(r);
        int c = peek(r, 0);
        if (n == 0)
            return COMPLAIN(r, r->at, 1, NULL, "this is not UTF-8");
        if (c == '\n' || c == '\r')
            return COMPLAIN(r, t->offset, r->at - t->offset, "write \\n", "a string ends on the line on which it begins");
        if (c == '\\' && !raw) {
            uint32_t character = 0;
            r->at++;
            if (!read_escape(r, &character))
                return false;
            len += utf8_put(out + len, character);
            continue;
        }
        memcpy(out + len, r->source.at + r->at, n);
        len += n;
        r->at += n;
    }
    r->at = end + 1;
    t->kind = TOKEN_LITERAL;
    t->value = (struct value){.kind = VALUE_STRING, .string = bytes_of(out, len)};
    return true;
}

/* ---- numbers ---- */

double decimal_value(const struct decimal *d)
{
    /* Clinger 1990: both operands are exact, so that the one operation rounds correctly. */
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = (double)d->mantissa;
    value = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
    return d->negative ? -value : value;
}

static bool lex_double(struct compilation *r, struct token *t)
{
    struct decimal d = {0};
    bool exact = true, point = false;
    int exponent = 0, zeros = 0; /* zeros: seen, and only of weight when another digit follows */
    for (;; r->at++) {
        int c = peek(r, 0);
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        if (exponent > -CONDITION_SOURCE_MAX && point)
            exponent--;
        zeros++;
        if (c == '0')
            continue;
        for (; zeros > 0; zeros--)
            exact = exact && !__builtin_mul_overflow(d.mantissa, 10, &d.mantissa);
        exact = exact && !__builtin_add_overflow(d.mantissa, (uint64_t)(c - '0'), &d.mantissa);
    }
    exponent += zeros;
    if (peek(r, 0) == 'e' || peek(r, 0) == 'E') {
        r->at++;
        bool negative = peek(r, 0) == '-';
        r->at += peek(r, 0) == '-' || peek(r, 0) == '+';
        int written = 0;
        if (!is_digit(peek(r, 0)))
            return COMPLAIN(r, t->offset, r->at - t->offset, NULL, "the exponent of this number is missing");
        for (; is_digit(peek(r, 0)); r->at++)
            written = written < 1000000 ? written * 10 + (peek(r, 0) - '0') : written;
        exponent += negative ? -written : written;
    }
    d.exponent = d.mantissa ? exponent : 0;
    if (!exact || d.mantissa > UINT64_C(1) << 53 || d.exponent > 22 || d.exponent < -22)
        return COMPLAIN(r, t->offset, r->at - t->offset, "at most 15 digits, and at most 22 places before or behind the point",
                        "this number cannot be kept exactly");
    t->decimal = d;
    t->value = (struct value){.kind = VALUE_DOUBLE, .real = decimal_value(&d)};
    return true;
}

static bool number_is_double(const struct compilation *r)
{
    size_t i = 0;
    while (is_digit(peek(r, i)))
        i++;
    return (peek(r, i) == '.' && is_digit(peek(r, i + 1))) || peek(r, i) == 'e' || peek(r, i) == 'E';
}

static bool lex_number(struct compilation *r, struct token *t)
{
    t->kind = TOKEN_LITERAL;
    int base = peek(r, 0) == '0' && (peek(r, 1) == 'x' || peek(r, 1) == 'X') ? 16 : 10;
    uint64_t value = 0;
    bool fits = true;
    if (base == 10 && number_is_double(r)) {
        if (!lex_double(r, t))
            return false;
    } else {
        r->at += base == 16 ? 2 : 0;
        size_t first = r->at;
        for (int d; (d = hex_digit(peek(r, 0))) >= 0 && d < base; r->at++)
            fits = fits && !__builtin_mul_overflow(value, (uint64_t)base, &value) &&
                   !__builtin_add_overflow(value, (uint64_t)d, &value);
        if (r->at == first)
            return COMPLAIN(r, t->offset, 2, NULL, "a hexadecimal number has digits behind its 0x");
        bool natural = peek(r, 0) == 'u' || peek(r, 0) == 'U';
        r->at += natural;
        t->value = (struct value){.kind = natural ? VALUE_UINT : VALUE_INT, .natural = value};
    }
    while (is_word(peek(r, 0))) {
        fits = true;
        r->at++;
        if (!is_word(peek(r, 0)))
            return COMPLAIN(r, t->offset, r->at - t->offset, NULL, "this is not a number");
    }
    if (!fits)
        return COMPLAIN(r, t->offset, r->at - t->offset, NULL, "this number does not fit into 64 bits");
    return true;
}

/* ---- words and signs ---- */

static const struct {
    const char *text;
    enum token_kind kind;
    enum operation operation;
} signs[] = {
    /* longer before shorter */
    {"==", TOKEN_OPERATION, OPERATION_EQUAL},
    {"!=", TOKEN_OPERATION, OPERATION_UNEQUAL},
    {"<=", TOKEN_OPERATION, OPERATION_LESS_EQUAL},
    {">=", TOKEN_OPERATION, OPERATION_GREATER_EQUAL},
    {"<", TOKEN_OPERATION, OPERATION_LESS},
    {">", TOKEN_OPERATION, OPERATION_GREATER},
    {"+", TOKEN_OPERATION, OPERATION_ADD},
    {"-", TOKEN_OPERATION, OPERATION_SUBTRACT},
    {"*", TOKEN_OPERATION, OPERATION_MULTIPLY},
    {"/", TOKEN_OPERATION, OPERATION_DIVIDE},
    {"%", TOKEN_OPERATION, OPERATION_REMAINDER},
    {"&&", TOKEN_AND, 0},
    {"||", TOKEN_OR, 0},
    {"!", TOKEN_NOT, 0},
    {"?", TOKEN_QUESTION, 0},
    {":", TOKEN_COLON, 0},
    {",", TOKEN_COMMA, 0},
    {".", TOKEN_DOT, 0},
    {"(", TOKEN_OPEN, 0},
    {")", TOKEN_CLOSE, 0},
    {"[", TOKEN_OPEN_LIST, 0},
    {"]", TOKEN_CLOSE_LIST, 0},
};

/* What people write who come from other languages. */
static const struct {
    const char *text, *message, *hint;
} strays[] = {
    {"=", "`=` is not an operator", "`==` compares"},
    {"&", "`&` is not an operator", "`&&` is the logical and"},
    {"|", "`|` is not an operator", "`||` is the logical or"},
    {"{", "maps and messages are not supported", NULL},
};

static void lex_word(struct compilation *r, struct token *t)
{
    while (is_word(peek(r, 0)))
        r->at++;
    struct bytes text = bytes_slice(r->source, t->offset, r->at - t->offset);
    t->kind = TOKEN_WORD;
    if (bytes_equal(text, bytes_of_text("in"))) {
        t->kind = TOKEN_OPERATION;
        t->operation = OPERATION_IN;
    } else if (bytes_equal(text, bytes_of_text("true")) || bytes_equal(text, bytes_of_text("false"))) {
        t->kind = TOKEN_LITERAL;
        t->value = (struct value){.kind = VALUE_BOOL, .boolean = text.len == 4};
    }
}

static bool lex_sign(struct compilation *r, struct token *t)
{
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        struct bytes sign = bytes_of_text(signs[i].text);
        if (!bytes_equal(bytes_slice(r->source, r->at, sign.len), sign))
            continue;
        t->kind = signs[i].kind;
        t->operation = signs[i].operation;
        r->at += sign.len;
        return true;
    }
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++)
        if (peek(r, 0) == strays[i].text[0])
            return COMPLAIN(r, r->at, 1, strays[i].hint, "%s", strays[i].message);
    size_t n = utf8_length(r);
    if (n == 0 || peek(r, 0) < ' ' || peek(r, 0) == 0x7f)
        return COMPLAIN(r, r->at, 1, NULL, "the byte 0x%02x has no place in a condition", (unsigned)peek(r, 0));
    struct bytes c = bytes_slice(r->source, r->at, n);
    return COMPLAIN(r, r->at, n, NULL, "`%.*s` has no place in a condition", NAME_ARGUMENTS(c));
}

static void skip_blanks(struct compilation *r)
{
    for (;;) {
        int c = peek(r, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            r->at++;
        } else if (c == '/' && peek(r, 1) == '/') {
            while (peek(r, 0) >= 0 && peek(r, 0) != '\n')
                r->at++;
        } else {
            return;
        }
    }
}

bool condition_lex(struct compilation *r, struct token *ret)
{
    skip_blanks(r);
    struct token t = {.kind = TOKEN_END, .offset = r->at};
    int c = peek(r, 0);
    bool raw = (c == 'r' || c == 'R') && (peek(r, 1) == '"' || peek(r, 1) == '\'');
    if ((c == 'b' || c == 'B') && (peek(r, 1) == '"' || peek(r, 1) == '\''))
        return COMPLAIN(r, r->at, 1, NULL, "byte strings are not supported");
    bool ok = true;
    if (c == '"' || c == '\'' || raw)
        ok = lex_string(r, &t);
    else if (is_digit(c) || (c == '.' && is_digit(peek(r, 1))))
        ok = lex_number(r, &t);
    else if (is_word_start(c))
        lex_word(r, &t);
    else if (c >= 0)
        ok = lex_sign(r, &t);
    if (!ok)
        return false;
    t.width = r->at - t.offset;
    t.text = bytes_slice(r->source, t.offset, t.width);
    *ret = t;
    return true;
}

/* ---- times ---- */

/* Exactly `n` digits. */
static bool read_digits(struct cursor *c, size_t n, int64_t *ret)
{
    struct bytes b;
    if (!cursor_read(c, n, &b))
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(b.at[i]))
            return false;
        *ret = *ret * 10 + (b.at[i] - '0');
    }
    return true;
}

/* One byte out of `set`. */
static bool read_one_of(struct cursor *c, const char *set, uint8_t *ret)
{
    struct cursor ahead = *c;
    if (!cursor_u8(&ahead, ret) || *ret == 0 || !strchr(set, *ret))
        return false;
    *c = ahead;
    return true;
}

static bool date_exists(int64_t year, int64_t month, int64_t day)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

/* Up to nine digits behind a point, as nanoseconds. */
static bool read_fraction(struct cursor *c, uint32_t *ret)
{
    uint32_t value = 0, scale = (uint32_t)NANOSECONDS;
    uint8_t digit;
    while (scale > 1 && read_one_of(c, "0123456789", &digit)) {
        scale /= 10;
        value += scale * (uint32_t)(digit - '0');
    }
    *ret = value;
    return scale != (uint32_t)NANOSECONDS;
}

bool timestamp_parse(struct bytes text, struct value *ret)
{
    struct cursor c = cursor_over(text);
    int64_t year, month, day, hour, minute, second, offset = 0;
    uint32_t nanoseconds = 0;
    uint8_t sign;
    if (!read_digits(&c, 4, &year) || !read_one_of(&c, "-", &sign) || !read_digits(&c, 2, &month) ||
        !read_one_of(&c, "-", &sign) || !read_digits(&c, 2, &day) || !read_one_of(&c, "Tt", &sign) ||
        !read_digits(&c, 2, &hour) || !read_one_of(&c, ":", &sign) || !read_digits(&c, 2, &minute) ||
        !read_one_of(&c, ":", &sign) || !read_digits(&c, 2, &second))
        return false;
    if (read_one_of(&c, ".", &sign) && !read_fraction(&c, &nanoseconds))
        return false;
    if (!read_one_of(&c, "Zz+-", &sign))
        return false;
    if (sign == '+' || sign == '-') {
        int64_t hours, minutes;
        uint8_t colon;
        if (!read_digits(&c, 2, &hours) || !read_one_of(&c, ":", &colon) || !read_digits(&c, 2, &minutes) || hours > 23 ||
            minutes > 59)
            return false;
        offset = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    }
    if (cursor_left(&c) || !date_exists(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t at = days_of_date(year, (unsigned)month, (unsigned)day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    if (at < TIMESTAMP_FIRST || at > TIMESTAMP_LAST)
        return false;
    *ret = (struct value){.kind = VALUE_TIMESTAMP, .integer = at, .nanoseconds = nanoseconds};
    return true;
}

static const struct {
    const char *text;
    int64_t nanoseconds;
} units[] = {
    /* longer before shorter */
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"ms", 1000000},
    {"s", NANOSECONDS},
    {"m", 60 * NANOSECONDS},
    {"h", 3600 * NANOSECONDS},
};

static int64_t read_unit(struct cursor *c)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct bytes unit = bytes_of_text(units[i].text), ignored;
        if (bytes_equal(bytes_slice(c->all, c->at, unit.len), unit) && cursor_read(c, unit.len, &ignored))
            return units[i].nanoseconds;
    }
    return 0;
}

bool duration_parse(struct bytes text, struct value *ret)
{
    struct cursor c = cursor_over(text);
    uint8_t sign = '+', byte;
    if (!read_one_of(&c, "+-", &sign))
        sign = '+';
    wide total = 0;
    bool zero = bytes_equal(bytes_slice(text, c.at, text.len), bytes_of_text("0"));
    if (!zero && cursor_left(&c) == 0)
        return false;
    while (!zero && cursor_left(&c)) {
        wide whole = 0;
        bool digits = false;
        for (; read_one_of(&c, "0123456789", &byte); digits = true)
            if ((whole = whole * 10 + (byte - '0')) > (wide)INT64_MAX + 1)
                return false;
        uint32_t fraction = 0;
        if (read_one_of(&c, ".", &byte)) {
            digits = read_fraction(&c, &fraction) || digits;
            while (read_one_of(&c, "0123456789", &byte))
                ; /* beyond a billionth of a unit: cut off */
        }
        int64_t unit = read_unit(&c);
        if (!digits || !unit)
            return false;
        total += whole * unit + (wide)fraction * unit / NANOSECONDS;
        if (total > (wide)INT64_MAX + 1)
            return false;
    }
    total = sign == '-' ? -total : total;
    if (total > INT64_MAX)
        return false;
    *ret = (struct value){.kind = VALUE_DURATION, .integer = (int64_t)total};
    return true;
}
