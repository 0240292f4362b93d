/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_mask.h"

#include <stdlib.h>

#include "cli/waf_show.h"

#define NAME_MAX_LENGTH 128

/* Encoded names are names too. */
static bool is_secret(const uint8_t *at, size_t len)
{
    uint8_t name[NAME_MAX_LENGTH];
    size_t n = 0;
    for (size_t i = 0; i < len && n < sizeof name; i++) {
        int high = at[i] == '%' && i + 2 < len ? hex_value(at[i + 1]) : -1, low = high >= 0 ? hex_value(at[i + 2]) : -1;
        name[n++] = low >= 0 ? (uint8_t)(high << 4 | low) : at[i];
        i += low >= 0 ? 2 : 0;
    }
    return waf_is_secret(bytes_of(name, n));
}

static bool ends_pair(uint8_t c)
{
    return c == '&' || c == ';' || c == ' ' || c == '\r' || c == '\n';
}

static void mask_pairs(uint8_t *at, size_t len)
{
    size_t name = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '?' || ends_pair(at[i])) {
            name = i + 1;
            continue;
        }
        if (at[i] != '=' || !is_secret(at + name, i - name))
            continue;
        for (i++; i < len && !ends_pair(at[i]); i++)
            at[i] = '*';
        name = i + 1;
    }
}

/* From behind the colon to the end of the value; a text ends with a quote. */
static size_t mask_json_value(uint8_t *at, size_t i, size_t len)
{
    while (i < len && (at[i] == ' ' || at[i] == '\t'))
        i++;
    bool text = i < len && at[i] == '"';
    for (i += text; i < len && (text ? at[i] != '"' : at[i] != ',' && at[i] != '}'); i++) {
        bool escaped = at[i] == '\\' && i + 1 < len;
        at[i] = '*';
        if (escaped)
            at[++i] = '*';
    }
    return i;
}

static void mask_members(uint8_t *at, size_t len)
{
    size_t quotes[2] = {0, 0}; /* behind the last two */
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '"') {
            quotes[0] = quotes[1];
            quotes[1] = i + 1;
        }
        if (at[i] == ':' && quotes[0] && quotes[1] > quotes[0] && is_secret(at + quotes[0], quotes[1] - 1 - quotes[0]))
            i = mask_json_value(at, i + 1, len);
    }
}

static void mask_header(uint8_t *at, size_t len)
{
    size_t colon = 0;
    while (colon < len && at[colon] != ':' && at[colon] != ' ')
        colon++;
    if (colon < len && at[colon] == ':' && is_secret(at, colon))
        memset(at + colon + 1, '*', len - colon - 1);
}

uint8_t *waf_masked(struct bytes b, bool header)
{
    uint8_t *copy = malloc(b.len + 1);
    if (!copy)
        return NULL;
    if (b.len)
        memcpy(copy, b.at, b.len);
    if (header)
        mask_header(copy, b.len);
    mask_pairs(copy, b.len);
    mask_members(copy, b.len);
    return copy;
}
