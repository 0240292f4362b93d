/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/multipart_parts.h"

#define CHARSET_SPECIAL   "!#$%&+-^_`{}~"
#define ATTRIBUTE_SPECIAL "!#$&+-.^_`~" /* RFC 5987 */

struct reading {
    struct report *report;
    struct bytes all;
    size_t at;
    uint8_t *flags;
    struct disposition *found;
    struct bytes filename_star;
};

static uint8_t peek(const struct reading *d)
{
    return byte_at(d->all, d->at);
}

static void skip_blanks(struct reading *d)
{
    while (is_blank(peek(d)))
        d->at++;
}

static bool is_hex(uint8_t c)
{
    return is_alnum(c) && (c <= '9' || (c | 0x20) <= 'f');
}

static bool is_token(uint8_t c)
{
    return c > 32 && c < 127 && !is_one_of(c, "()<>@,;:\\\"/[]?=");
}

/* charset'language'value; 0, or what is wrong. */
static int read_extended(struct reading *d, struct bytes *ret)
{
    size_t start = d->at;
    while (is_alnum(peek(d)) || is_one_of(peek(d), CHARSET_SPECIAL))
        d->at++;
    if (peek(d) != '\'' || d->at == start)
        return -16;
    d->at++;
    while (peek(d) && peek(d) != '\'')
        d->at++;
    if (!peek(d))
        return -17;
    start = ++d->at;
    while (peek(d) && peek(d) != ';') {
        if (peek(d) == '%') {
            if (!is_hex(byte_at(d->all, d->at + 1)) || !is_hex(byte_at(d->all, d->at + 2)))
                return -18;
            d->at += 3;
        } else if (is_alnum(peek(d)) || is_one_of(peek(d), ATTRIBUTE_SPECIAL)) {
            d->at++;
        } else {
            return -19;
        }
    }
    *ret = bytes_slice(d->all, start, d->at - start);
    return 0;
}

static int read_quoted(struct reading *d, struct bytes *ret)
{
    uint8_t quote = peek(d);
    if (quote == '\'')
        d->flags[BODY_FLAG_INVALID_QUOTING] = 1;
    d->at++;
    if (!peek(d))
        return -7;
    uint8_t *out = arena_alloc(d->report->arena, d->all.len - d->at);
    if (!out) {
        report_no_memory(d->report);
        return -99;
    }
    size_t len = 0;
    while (peek(d) && peek(d) != quote) {
        if (peek(d) == '\\') {
            uint8_t next = byte_at(d->all, d->at + 1);
            if (!next)
                return -8;
            if (next == quote || next == '\\')
                d->at++; /* other escapes stay as they are: old browsers send paths */
        }
        out[len++] = peek(d);
        d->at++;
    }
    if (!peek(d))
        return -10; /* without its closing quote; the peer reads on behind the end of the header here */
    d->at++;
    *ret = bytes_of(out, len);
    return 0;
}

static int read_token(struct reading *d, struct bytes *ret)
{
    size_t start = d->at;
    while (is_token(peek(d)))
        d->at++;
    *ret = bytes_slice(d->all, start, d->at - start);
    return 0;
}

static bool told(struct reading *d, enum body_event_kind kind, struct bytes value)
{
    return report_event(d->report, &(struct body_event){.kind = kind, .value = value});
}

/* A single quote within a value is fine only in double quotes. */
static void check_quotes(struct reading *d, struct bytes value, bool in_double)
{
    if (!in_double && value.len && memchr(value.at, '\'', value.len))
        d->flags[BODY_FLAG_INVALID_QUOTING] = 1;
}

static int keep(struct reading *d, struct bytes name, struct bytes value, bool in_double)
{
    struct bytes *where;
    int twice;
    if (bytes_equal(name, bytes_of_text("name"))) {
        where = &d->found->name;
        check_quotes(d, value, in_double);
        twice = -14;
        if (!told(d, BODY_MULTIPART_NAME, value))
            return -99;
    } else if (bytes_equal(name, bytes_of_text("filename"))) {
        where = &d->found->filename;
        check_quotes(d, value, in_double);
        twice = -15;
        if (!told(d, BODY_MULTIPART_FILENAME, value))
            return -99;
    } else if (bytes_equal(name, bytes_of_text("filename*"))) {
        where = &d->filename_star;
        twice = -20;
    } else {
        return -11;
    }
    if (where->len)
        return twice;
    *where = value;
    return 0;
}

/* name=value, and the semicolon behind it; 0, or what is wrong. */
static int read_parameter(struct reading *d)
{
    struct bytes name, value = {0};
    skip_blanks(d);
    if (!peek(d))
        return -3;
    size_t start = d->at;
    while (peek(d) && peek(d) != '=' && !is_blank(peek(d)))
        d->at++;
    if (!peek(d))
        return -4;
    name = bytes_slice(d->all, start, d->at - start);
    skip_blanks(d);
    if (!peek(d))
        return -5;
    if (peek(d) != '=')
        return -13;
    d->at++;
    skip_blanks(d);
    if (!peek(d))
        return -6;
    bool in_double = peek(d) == '"';
    int wrong = bytes_equal(name, bytes_of_text("filename*")) ? read_extended(d, &value)
                : peek(d) == '"' || peek(d) == '\''           ? read_quoted(d, &value)
                                                              : read_token(d, &value);
    if (!wrong)
        wrong = keep(d, name, value, in_double);
    if (wrong)
        return wrong;
    skip_blanks(d);
    if (!peek(d))
        return 0;
    if (peek(d) != ';') {
        if (d->at && is_one_of(d->all.at[d->at - 1], "'\""))
            d->flags[BODY_FLAG_INVALID_QUOTING] = 1;
        return -12;
    }
    d->at++;
    return 0;
}

int disposition_parse(struct report *r, struct bytes value, multipart_flags flags, struct disposition *ret)
{
    struct reading d = {.report = r, .all = value, .flags = flags, .found = ret};
    if (!has_at(value, 0, bytes_of_text("form-data")))
        return -1;
    d.at = strlen("form-data");
    skip_blanks(&d);
    if (!peek(&d))
        return 1;
    if (peek(&d) != ';')
        return -2;
    d.at++;
    while (peek(&d)) {
        int wrong = read_parameter(&d);
        if (wrong)
            return wrong;
    }
    return d.filename_star.len && !ret->filename.len ? -21 : 1;
}
