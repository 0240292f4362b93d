/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with content codings, for tests: made with the libraries' own encoders. */
#pragma once

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>

#include "waf/body/decode.h"

/* What deflateInit2 calls the three wrappings. */
#define AS_ZLIB 15
#define AS_RAW (-15)
#define AS_GZIP 31

/* Freed by the caller, as its `at`. */
static inline struct bytes deflated(struct bytes plain, int window)
{
    z_stream z = {0};
    size_t room = plain.len + plain.len / 100 + 64;
    uint8_t *out = malloc(room);
    if (!out || deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    z.next_in = (Bytef *)(uintptr_t)plain.at;
    z.avail_in = (uInt)plain.len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    deflateEnd(&z);
    return bytes_of(out, z.total_out);
}

static inline struct bytes brotlied(struct bytes plain)
{
    size_t len = BrotliEncoderMaxCompressedSize(plain.len) + 64;
    uint8_t *out = malloc(len);
    if (!out || !BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, plain.len, plain.at ? plain.at : (const uint8_t *)"", &len, out))
        abort();
    return bytes_of(out, len);
}

/* "gzip", "deflate", "raw" (deflate without its wrapping) or "br". */
static inline struct bytes coded(struct bytes plain, const char *coding)
{
    if (strcmp(coding, "br") == 0)
        return brotlied(plain);
    return deflated(plain, strcmp(coding, "gzip") == 0 ? AS_GZIP : strcmp(coding, "raw") == 0 ? AS_RAW : AS_ZLIB);
}

static inline void coded_free(struct bytes b)
{
    free((void *)(uintptr_t)b.at);
}
