/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/xss_url.h"

/* Reads the value character by character, decoded, in lower case, without what browsers drop from a URL. */
struct decoder {
    struct cursor left;
};

static uint8_t peek(const struct decoder *d, size_t ahead)
{
    return ahead < cursor_left(&d->left) ? d->left.all.at[d->left.at + ahead] : 0;
}

static uint32_t digit(uint8_t c, uint32_t base)
{
    uint32_t value = c >= '0' && c <= '9' ? c - (uint32_t)'0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20u) - 'a' + 10 : 99;
    return value < base ? value : 99;
}

/* &#106; &#x6a &#0000106 ... at the cursor: its length and character. */
static size_t numeric_reference(const struct decoder *d, uint32_t *ret)
{
    bool hex = (peek(d, 2) | 0x20) == 'x';
    uint32_t base = hex ? 16 : 10, code = 0;
    size_t first = hex ? 3 : 2, i = first;
    for (; digit(peek(d, i), base) != 99; i++)
        code = code < 0x110000 ? code * base + digit(peek(d, i), base) : code;
    if (i == first)
        return 0;
    *ret = code;
    return peek(d, i) == ';' ? i + 1 : i;
}

static size_t named_reference(const struct decoder *d, uint32_t *ret)
{
    static const struct {
        char name[10];
        char character;
    } names[] = {
        {"Tab;", '\t'}, {"NewLine;", '\n'}, {"colon;", ':'}, {"lpar;", '('}, {"rpar;", ')'}, {"sol;", '/'},
        {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}, {"amp;", '&'}, {"bsol;", '\\'},
    };
    struct bytes rest = bytes_slice(d->left.all, d->left.at + 1, sizeof names[0].name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i].name);
        if (rest.len >= len && memcmp(rest.at, names[i].name, len) == 0) {
            *ret = (uint32_t)names[i].character;
            return len + 1;
        }
    }
    return 0;
}

/* The next character that counts; false at the end. */
static bool next(struct decoder *d, uint32_t *ret)
{
    while (cursor_left(&d->left)) {
        uint32_t c = peek(d, 0);
        size_t len = 1;
        if (c == '&') {
            size_t reference = peek(d, 1) == '#' ? numeric_reference(d, &c) : named_reference(d, &c);
            len = reference ? reference : 1;
        }
        if (!cursor_skip(&d->left, len))
            return false;
        if (c <= ' ' || c == 0x7f)
            continue;
        *ret = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        return true;
    }
    return false;
}

static bool begins_with(struct decoder d, const char *text)
{
    uint32_t c;
    for (; *text; text++)
        if (!next(&d, &c) || c != (uint32_t)*text)
            return false;
    return true;
}

bool xss_url_runs(struct bytes value)
{
    static const char *const running[] = {"javascript:", "vbscript:", "livescript:", "mocha:", "jscript:", "view-source:", "data:"};
    static const char *const pictures[] = {"data:image/png", "data:image/jpeg", "data:image/jpg", "data:image/gif", "data:image/webp",
        "data:image/bmp", "data:image/x-icon", "data:audio/", "data:video/", "data:font/"};
    struct decoder d = {cursor_over(value)};
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++)
        if (begins_with(d, pictures[i]))
            return false;
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++)
        if (begins_with(d, running[i]))
            return true;
    return false;
}

bool xss_value_contains(struct bytes value, const char *needle)
{
    struct decoder d = {cursor_over(value)};
    uint32_t c;
    do {
        uint8_t first = peek(&d, 0);
        bool may_begin = first == '&' || first <= ' ' || first == 0x7f || (first | 0x20) == ((uint8_t)needle[0] | 0x20);
        if (may_begin && begins_with(d, needle))
            return true;
    } while (next(&d, &c));
    return false;
}
