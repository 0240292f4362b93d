/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 to %uHHHH, and the map with which urlDecodeUni goes back to a byte. */
#include "waf/transform/write.h"

/* Bytes that the lead byte `c` announces; 1 for what is no lead byte. Loosely, as the peer: C0, C1, F5.. too. */
static size_t announced(uint8_t c)
{
    return (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
}

/* "%u" and at least four digits; returns how many bytes. */
static size_t put_code(unsigned code, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    unsigned shift = 12;
    while (code >> shift > 15)
        shift += 4;
    out[n++] = '%';
    out[n++] = 'u';
    for (shift += 4; shift;)
        out[n++] = (uint8_t)digits[code >> (shift -= 4) & 15];
    return n;
}

/* The bytes of the sequence at `i` that are there, of `len`, and the number that they make. */
static size_t sequence(struct bytes in, size_t i, size_t len, unsigned *ret)
{
    size_t have = 1;
    *ret = in.at[i] & (0xffu >> (len + 1));
    for (; have < len && (byte_at(in, i + have) & 0xc0) == 0x80; have++)
        *ret = *ret << 6 | (byte_at(in, i + have) & 0x3fu);
    return have;
}

BLOCK_INLINE uint32_t find_high_nul(block b, uint32_t *carry)
{
    return block_bits(b | block_is(b, 0));
}

size_t same_utf8_to_unicode(struct bytes in)
{
    return block_find(in, 0, find_high_nul, 0);
}

/* A NUL goes, and so does a lead byte without its sequence; a sequence that must not be is followed by its lead byte. */
size_t write_utf8_to_unicode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint8_t c = in.at[i];
        size_t len = announced(c);
        unsigned code;
        if (c && c < 0x80) {
            size_t run = block_copy(in, i, out + n, find_high_nul, 0, block_as_it_is);
            n += run;
            i += run;
            continue;
        }
        if (len == 1) {
            if (c)
                out[n++] = c;
            i++;
            continue;
        }
        if (c >= 0xf5)
            out[n++] = c;
        if (sequence(in, i, len, &code) < len) {
            i++;
            continue;
        }
        n += put_code(code, out + n);
        if (code >= 0xd800 && code <= 0xdfff)
            out[n++] = c;
        if (code < least[len])
            out[n++] = c;
        i += len;
    }
    return n;
}

static bool between_words(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The hexadecimal number `b` begins with; *ret stays when there is none. */
static void hex_number(struct bytes b, uint32_t *ret)
{
    size_t i = byte_at(b, 0) == '0' && lower(byte_at(b, 1)) == 'x' && is_hex(byte_at(b, 2)) ? 2 : 0;
    uint64_t value = 0;
    if (!is_hex(byte_at(b, i)))
        return;
    for (; is_hex(byte_at(b, i)); i++)
        if (value <= UINT32_MAX)
            value = value << 4 | hex_digit(b.at[i]);
    *ret = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t decimal_number(struct bytes b)
{
    uint64_t value = 0;
    for (size_t i = 0; is_digit(byte_at(b, i)) && value <= UINT32_MAX; i++)
        value = value * 10 + (b.at[i] - (unsigned)'0');
    return value;
}

bool unicode_map_parse(struct bytes text, uint32_t code_page, struct arena *a, const struct unicode_map **ret)
{
    /* full stops of all scripts are one in host names: RFC 3490, section 3.1 */
    static const uint16_t full_stops[] = {0x3002, 0xff61, 0xff0e, 0x002e};
    struct unicode_map *map = arena_alloc(a, sizeof *map);
    if (!map)
        return false;
    map->code_page = code_page;
    memset(map->to, 0xff, sizeof map->to);
    for (size_t i = 0; i < sizeof full_stops / sizeof full_stops[0]; i++)
        map->to[full_stops[i]] = '.';
    bool in_page = false;
    uint32_t code = 0, byte = 0;
    for (size_t at = 0; at < text.len && text.at[at];) {
        size_t from = at;
        while (at < text.len && text.at[at] && !between_words(text.at[at]))
            at++;
        struct bytes word = bytes_slice(text, from, at - from);
        if (at < text.len && text.at[at])
            at++;
        if (word.len == 0)
            continue;
        /* A pair whose code begins with the page's number begins the page too: the peer reads it so. */
        if (decimal_number(word) == code_page)
            in_page = true;
        const uint8_t *colon = memchr(word.at, ':', word.len);
        if (!colon) {
            if (map->found)
                break;
            continue;
        }
        if (!in_page)
            continue;
        map->found = true;
        /* A number that is missing is that of the pair before; for ":" alone the peer reads a NULL pointer. */
        size_t code_len = (size_t)(colon - word.at);
        hex_number(bytes_slice(word, 0, code_len), &code);
        hex_number(bytes_slice(word, code_len + 1, word.len), &byte);
        if (code < 65536)
            map->to[code] = byte == UINT32_MAX ? -1 : (int16_t)(byte & 0xff);
    }
    *ret = map;
    return true;
}
