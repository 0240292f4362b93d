/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content codings taken off a body as its bytes arrive (RFC 9110, 8.4): gzip, deflate and br, also several on top of
 * each other. It knows the formats and two bounds; what came of it the caller judges. zlib and libbrotlidec are used
 * nowhere else.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

/* Nobody compresses three times over what is meant to be read; each time more multiplies what a bomb can do. */
#define CODINGS_MAX 3

/*
 * What decoding gives, at every step, stays within DECODE_RATIO_MAX times what came in, and DECODE_FLOOR: the bytes that
 * are no bomb, however few they came from. Text rarely shrinks to a fiftieth and deflate's best is a 1,032nd, but br's
 * is beyond a 100,000th; 200 is also what Apache's mod_deflate lets through (DeflateInflateRatioLimit).
 */
#define DECODE_RATIO_MAX 200
#define DECODE_FLOOR ((size_t)1 << 20)

enum coding { CODING_GZIP, CODING_DEFLATE, CODING_BROTLI };

/* In the order in which they were applied. */
struct codings {
    enum coding items[CODINGS_MAX];
    size_t count;
};

enum codings_result {
    CODINGS_KNOWN,
    CODINGS_UNKNOWN, /* one of them is not decoded here, and so none is */
    CODINGS_TOO_MANY,
};

/* The value of a Content-Encoding, added to what `c` has from lines before it; `identity` is none. */
enum codings_result codings_add(struct codings *c, struct bytes value) MUST_USE;

enum decode_result {
    DECODE_WHOLE,
    DECODE_CUT,       /* the body ends before its coding does */
    DECODE_BROKEN,    /* what follows is not of that coding */
    DECODE_TRAILED,   /* bytes stand behind the coding's end: they are not looked at */
    DECODE_TOO_LARGE, /* it gives more than `most` */
    DECODE_TOO_DENSE, /* it passes the ratio */
    DECODE_NO_MEMORY,
};

struct decoder;

/* `most`: bytes that are kept. All memory is the arena's, the libraries' too. NULL when there is none. */
struct decoder *decoder_begin(const struct codings *c, size_t most, struct arena *a) MUST_USE;
/* The next bytes; false: no more are wanted. The ratio is of what has arrived so far. */
bool decoder_feed(struct decoder *d, struct bytes more);
/* Bytes that it has given so far, and that are kept. */
size_t decoder_kept(const struct decoder *d);
/* There are no more bytes. `*ret`: what they gave, up to where the result says; lives as long as the arena. Called once. */
enum decode_result decoder_end(struct decoder *d, struct bytes *ret) MUST_USE;
