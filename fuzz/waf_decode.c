/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a body with content codings, which the first byte chooses: at once and in pieces they give the same, unless
 * they break or pass the ratio, and then one gives a beginning of the other; in an arena that may be too small.
 */
#include <stdlib.h>

#include "waf/body/decode.h"

#define MOST ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const headers[] = {"gzip", "deflate", "br", "gzip, br", "br, gzip", "deflate, deflate", "gzip, deflate, br", "br, br"};

static enum decode_result run(const char *header, struct bytes body, size_t piece, struct arena *arena, struct bytes *ret)
{
    struct codings codings = {0};
    *ret = (struct bytes){0};
    if (!arena || codings_add(&codings, bytes_of_text(header)) != CODINGS_KNOWN)
        abort();
    struct decoder *d = decoder_begin(&codings, MOST, arena);
    if (!d)
        return DECODE_NO_MEMORY;
    for (size_t at = 0; at < body.len && decoder_feed(d, bytes_slice(body, at, piece)); at += piece)
        ;
    enum decode_result result = decoder_end(d, ret);
    if (ret->len > MOST)
        abort();
    return result;
}

static bool is_exact(enum decode_result r)
{
    return r != DECODE_BROKEN && r != DECODE_TRAILED && r != DECODE_TOO_DENSE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arenas[] = {arena_create((size_t)256 << 20), arena_create((size_t)256 << 20), arena_create((size_t)64 << 10)};
    struct bytes all = bytes_of(data, size), body = bytes_slice(all, 1, size), whole, pieces, small;
    const char *header = headers[size ? data[0] % (sizeof headers / sizeof *headers) : 0];
    enum decode_result a = run(header, body, body.len ? body.len : 1, arenas[0], &whole);
    enum decode_result b = run(header, body, 7, arenas[1], &pieces);
    size_t both = whole.len < pieces.len ? whole.len : pieces.len;
    if (!bytes_equal(bytes_slice(whole, 0, both), bytes_slice(pieces, 0, both)))
        abort();
    if (is_exact(a) && is_exact(b) && (a != b || whole.len != pieces.len))
        abort();
    (void)run(header, body, 64, arenas[2], &small);
    for (size_t i = 0; i < 3; i++)
        arena_destroy(arenas[i]);
    return 0;
}
