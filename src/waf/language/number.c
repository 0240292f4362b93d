/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"

bool number_read(const struct piece *p, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    char shown[40];
    if (p->text.len == 0)
        return piece_error(p, NULL, "a number is missing");
    for (size_t i = 0; i < p->text.len; i++) {
        uint8_t c = p->text.at[i];
        if (c < '0' || c > '9')
            return piece_error(p, NULL, "`%s` is not a number", piece_shown(p, shown, sizeof shown));
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(c - '0'), &value) || value > max)
            return piece_error(p, NULL, "`%s` is too large: at most %llu", piece_shown(p, shown, sizeof shown), (unsigned long long)max);
    }
    *ret = value;
    return true;
}

/* One id, or a range of them. */
static bool ids_read(struct draft *d, const struct piece *p)
{
    const uint8_t *dash = p->text.len ? memchr(p->text.at, '-', p->text.len) : NULL;
    size_t split = dash ? (size_t)(dash - p->text.at) : p->text.len;
    struct piece from = piece_slice(p, 0, split), to = dash ? piece_slice(p, split + 1, SIZE_MAX) : from;
    uint64_t first, last;
    if (!number_read(&from, RULE_ID_MAX, &first) || !number_read(&to, RULE_ID_MAX, &last))
        return false;
    if (first > last)
        return piece_error(p, NULL, "the range is empty: %llu is more than %llu", (unsigned long long)first, (unsigned long long)last);
    struct waf_ids *ids = DRAFT_ADD(d, ids);
    if (ids)
        *ids = (struct waf_ids){(int64_t)first, (int64_t)last};
    return true;
}

bool id_list_read(struct draft *d, const struct piece *p)
{
    bool ok = true, any = false;
    for (size_t at = 0; at < p->text.len;) {
        size_t end = at;
        while (end < p->text.len && p->text.at[end] != ' ' && p->text.at[end] != '\t')
            end++;
        struct piece one = piece_slice(p, at, end - at);
        if (one.text.len) {
            any = true;
            ok = ids_read(d, &one) && ok;
        }
        at = end + 1;
    }
    return any ? ok : piece_error(p, NULL, "an id is missing");
}
