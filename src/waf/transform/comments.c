/* SPDX-License-Identifier: Apache-2.0 */
/* Comments of C, SQL and HTML. */
#include "waf/transform/write.h"

static bool begins(struct bytes in, size_t i, const char *with)
{
    size_t len = strlen(with);
    return in.len - i >= len && memcmp(in.at + i, with, len) == 0;
}

/* The byte behind a comment's end is copied unseen, also the NUL behind the end of the input: as the peer does. */
size_t write_remove_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < in.len;) {
        if (inside) {
            size_t closing = begins(in, i, "*/") ? 2 : begins(in, i, "-->") ? 3 : 0;
            if (closing) {
                inside = false;
                i += closing;
                out[n++] = byte_at(in, i);
            }
            i++;
        } else if (begins(in, i, "/*") || begins(in, i, "<!--")) {
            inside = true;
            i += in.at[i] == '/' ? 2 : 4;
        } else if (begins(in, i, "--") || in.at[i] == '#') {
            break;
        } else {
            out[n++] = in.at[i++];
        }
    }
    if (inside)
        out[n++] = ' ';
    return n;
}

size_t write_remove_comments_char(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const char *const marks[] = {"/*", "*/", "<!--", "-->", "--", "#"};
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t skip = 0;
        for (size_t m = 0; m < sizeof marks / sizeof marks[0] && !skip; m++)
            if (begins(in, i, marks[m]))
                skip = strlen(marks[m]);
        if (skip)
            i += skip;
        else
            out[n++] = in.at[i++];
    }
    return n;
}

size_t write_replace_comments(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < in.len;) {
        if (begins(in, i, inside ? "*/" : "/*")) {
            if (inside)
                out[n++] = ' ';
            inside = !inside;
            i += 2;
        } else {
            if (!inside)
                out[n++] = in.at[i];
            i++;
        }
    }
    if (inside)
        out[n++] = ' ';
    return n;
}
