/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/validate.h"

#include "base/text.h"

static bool matched(size_t offset, size_t length, struct match *ret)
{
    *ret = (struct match){offset, length};
    return true;
}

static struct bytes trim(struct bytes b)
{
    while (b.len && b.at[0] == ' ')
        b = bytes_slice(b, 1, b.len);
    while (b.len && b.at[b.len - 1] == ' ')
        b.len--;
    return b;
}

static bool parse_byte(struct bytes text, unsigned *ret)
{
    unsigned n = 0;
    text = trim(text);
    if (text.len == 0 || text.len > 3)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    *ret = n;
    return n <= 255;
}

static bool add_range(struct bytes range, struct byte_set *s)
{
    const uint8_t *dash = range.len ? memchr(range.at, '-', range.len) : NULL;
    size_t at = dash ? (size_t)(dash - range.at) : range.len;
    unsigned first, last;
    if (!parse_byte(bytes_slice(range, 0, at), &first) || !parse_byte(dash ? bytes_slice(range, at + 1, range.len) : range, &last) || first > last)
        return false;
    for (unsigned c = first; c <= last; c++)
        s->bits[c >> 6] |= (uint64_t)1 << (c & 63);
    return true;
}

bool byte_set_parse(struct bytes text, struct byte_set *ret, struct bytes *ret_wrong)
{
    *ret = (struct byte_set){0};
    for (size_t at = 0; at <= text.len;) {
        struct bytes rest = bytes_slice(text, at, text.len);
        const uint8_t *comma = rest.len ? memchr(rest.at, ',', rest.len) : NULL;
        size_t len = comma ? (size_t)(comma - rest.at) : rest.len;
        *ret_wrong = bytes_slice(rest, 0, len);
        if (!add_range(*ret_wrong, ret))
            return false;
        at += len + 1;
    }
    return true;
}

bool value_leaves_byte_set(struct bytes value, const struct byte_set *s, struct match *ret)
{
    for (size_t i = 0; i < value.len; i++)
        if (!byte_set_has(s, value.at[i]))
            return matched(i, 1, ret);
    return false;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool value_breaks_url_encoding(struct bytes value, struct match *ret)
{
    for (size_t i = 0; i < value.len;) {
        const uint8_t *percent = memchr(value.at + i, '%', value.len - i);
        if (!percent)
            return false;
        i = (size_t)(percent - value.at);
        struct bytes code = bytes_slice(value, i, 3);
        if (code.len < 3 || !is_hex(code.at[1]) || !is_hex(code.at[2]))
            return matched(i, code.len, ret);
        i += 3;
    }
    return false;
}

bool value_breaks_utf8(struct bytes value, struct match *ret)
{
    for (size_t i = 0; i < value.len;) {
        size_t len = value.at[i] < 0x80 ? 1 : utf8_sequence(bytes_slice(value, i, 4));
        if (!len)
            return matched(i, 1, ret);
        i += len;
    }
    return false;
}
