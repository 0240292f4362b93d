/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/urlencoded.h"

#include "base/block.h"
#include "waf/transform/percent.h"

/* `b` decoded, itself when that changes nothing. */
static bool decode(struct report *r, struct bytes b, bool *invalid, struct bytes *ret)
{
    size_t from = percent_first(b), room;
    *ret = b;
    if (from == b.len)
        return true;
    uint8_t *out = __builtin_add_overflow(b.len, (size_t)BLOCK, &room) ? NULL : arena_buffer(r->arena, room);
    if (!out)
        return report_no_memory(r);
    memcpy(out, b.at, from);
    size_t len = from + percent_decode(bytes_slice(b, from, b.len), out + from, invalid);
    arena_trim(r->arena, out, room, len);
    *ret = bytes_of(out, len);
    return true;
}

/* The bytes before the next `mark`, or all that are left; *ret_found says which. Moves over both. */
static struct bytes until(struct cursor *c, uint8_t mark, bool *ret_found)
{
    struct bytes left = bytes_slice(c->all, c->at, cursor_left(c));
    const uint8_t *found = left.len ? memchr(left.at, mark, left.len) : NULL;
    size_t len = found ? (size_t)(found - left.at) : left.len;
    *ret_found = found != NULL;
    c->at += len + (found != NULL);
    return bytes_slice(left, 0, len);
}

void urlencoded_report(struct report *r, struct bytes text)
{
    uint8_t separator = r->limits.separator ? r->limits.separator : '&';
    struct cursor all = cursor_over(text);
    bool invalid = false, found;
    while (cursor_left(&all) && r->status == BODY_MORE) {
        struct cursor pair = cursor_over(until(&all, separator, &found));
        struct bytes name = until(&pair, '=', &found), value = bytes_slice(pair.all, pair.at, cursor_left(&pair));
        if (!decode(r, name, &invalid, &name) || !decode(r, value, &invalid, &value))
            return;
        (void)!report_argument(r, BODY_ARGUMENT, name, value);
    }
    (void)!report_flag(r, BODY_FLAG_URLENCODED_ERROR, invalid);
}

enum body_status urlencoded_split(struct bytes text, const struct body_limits *limits, struct body_sink sink,
                                  struct arena *arena)
{
    struct report r = {.sink = sink, .limits = *limits, .arena = arena, .status = BODY_MORE};
    urlencoded_report(&r, text);
    return r.status;
}
