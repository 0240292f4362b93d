/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding: of URLs, and the %uHHHH that IIS reads. */
#include "waf/transform/write.h"

size_t write_url_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
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

size_t write_url_decode_uni(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = run_without(in, i, '%', '+');
        if (run) {
            memcpy(out + n, in.at + i, run);
            n += run;
            i += run;
        } else if (in.at[i] == '%' && lower(byte_at(in, i + 1)) == 'u') {
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
