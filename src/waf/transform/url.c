/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding: of URLs, and the %uHHHH that IIS reads. */
#include "waf/transform/percent.h"
#include "waf/transform/write.h"

BLOCK_INLINE uint32_t find_percent(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '%'));
}

BLOCK_INLINE uint32_t find_percent_plus(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '%') | block_is(b, '+'));
}

BLOCK_INLINE block blank_for_plus(block b)
{
    return b ^ (block_is(b, '+') & block_of('+' ^ ' '));
}

size_t percent_decode(struct bytes in, uint8_t *out, bool *ret_broken)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_percent, 0, blank_for_plus);
        n += run;
        for (i += run; i < in.len && in.at[i] == '%'; n++) {
            int byte = hex_byte(in, i + 1);
            out[n] = byte < 0 ? '%' : (uint8_t)byte;
            *ret_broken |= byte < 0;
            i += byte < 0 ? 1 : 3;
        }
    }
    return n;
}

size_t percent_first(struct bytes in)
{
    return block_find(in, 0, find_percent_plus, 0);
}

size_t same_url_decode(struct bytes in)
{
    size_t i = percent_first(in);
    while (i < in.len && in.at[i] == '%' && hex_byte(in, i + 1) < 0)
        i = block_find(in, i + 1, find_percent_plus, 0);
    return i;
}

size_t write_url_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    bool broken = false;
    return percent_decode(in, out, &broken);
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

/* At '%': how many bytes belong to what it begins; 0: it stands for itself. */
static inline size_t uni_escape(struct bytes in, size_t i, const struct unicode_map *map, uint8_t *ret)
{
    if (lower(byte_at(in, i + 1)) == 'u') {
        if (hex_run(in, i + 2, 4) < 4)
            return 0;
        *ret = mapped(in, i + 2, map);
        return 6;
    }
    int byte = hex_byte(in, i + 1);
    *ret = (uint8_t)byte;
    return byte < 0 ? 0 : 3;
}

size_t same_url_decode_uni(struct bytes in)
{
    uint8_t ignored;
    size_t i = percent_first(in);
    while (i < in.len && in.at[i] == '%' && !uni_escape(in, i, NULL, &ignored))
        i = block_find(in, i + 1, find_percent_plus, 0);
    return i;
}

size_t write_url_decode_uni(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_percent, 0, blank_for_plus);
        n += run;
        for (i += run; i < in.len && in.at[i] == '%'; n++) {
            uint8_t byte = '%';
            size_t len = uni_escape(in, i, map, &byte);
            out[n] = len ? byte : '%';
            i += len ? len : 1;
        }
    }
    return n;
}

size_t write_url_encode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.at[i];
        if (c == ' ') {
            out[n++] = '+';
        } else if (c == '*' || is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z')) {
            out[n++] = c;
        } else {
            out[n++] = '%';
            out[n++] = (uint8_t)digits[c >> 4];
            out[n++] = (uint8_t)digits[c & 15];
        }
    }
    return n;
}
