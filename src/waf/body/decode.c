/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/decode.h"

#include <brotli/decode.h>
#define ZLIB_CONST
#include <zlib.h>

#include "waf/body/lend.h"
#include "waf/body/report.h"

#define STEP ((size_t)16 << 10)

/* Bytes after which a deflate body is taken for what its first two say; browsers that try look as far (Chromium's
 * GzipSourceStream). */
#define SNIFFED_MAX 1000

/* libbrotlidec keeps to itself what it decoded from a piece in which it then finds a fault. */
#define BROTLI_PIECE ((size_t)64)

/* inflateInit2: the window's size, and which wrapping is expected. */
#define WINDOW_ZLIB 15
#define WINDOW_RAW (-15)
#define WINDOW_GZIP (16 + 15)

/* One coding, on its way off. */
struct stage {
    enum coding coding;
    bool begun, ended; /* ended: the coding's own end has been seen */
    z_stream zlib;
    BrotliDecoderState *brotli;
    uint8_t *head; /* of a deflate body, until it is known which of the two it is */
    size_t head_len;
    size_t gave;
    uint8_t *out; /* of zlib: STEP bytes */
};

struct decoder {
    struct stage stages[CODINGS_MAX]; /* the first one gets the body */
    size_t stage_count;
    size_t received, most;
    struct report memory; /* for what grows */
    struct growing kept;
    struct lender lender;
    enum decode_result result;
};

/* ---- names */

static bool is_named(struct bytes b, const char *name)
{
    return bytes_equal_caseless(b, bytes_of_text(name));
}

static struct bytes trimmed(struct bytes b)
{
    while (b.len && (b.at[0] == ' ' || b.at[0] == '\t'))
        b = bytes_slice(b, 1, b.len);
    while (b.len && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t'))
        b.len--;
    return b;
}

static enum codings_result add_named(struct codings *c, struct bytes name)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {{"gzip", CODING_GZIP}, {"x-gzip", CODING_GZIP}, {"deflate", CODING_DEFLATE}, {"br", CODING_BROTLI}};
    if (!name.len || is_named(name, "identity"))
        return CODINGS_KNOWN;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!is_named(name, known[i].name))
            continue;
        if (c->count == CODINGS_MAX)
            return CODINGS_TOO_MANY;
        c->items[c->count++] = known[i].coding;
        return CODINGS_KNOWN;
    }
    return CODINGS_UNKNOWN;
}

enum codings_result codings_add(struct codings *c, struct bytes value)
{
    enum codings_result result = CODINGS_KNOWN;
    for (size_t at = 0; at < value.len && result == CODINGS_KNOWN;) {
        struct bytes rest = bytes_slice(value, at, value.len);
        const uint8_t *comma = memchr(rest.at, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.at) : rest.len;
        result = add_named(c, trimmed(bytes_slice(rest, 0, len)));
        at += len + 1;
    }
    return result;
}

/* ---- what a stage gives */

static bool stop(struct decoder *d, enum decode_result why)
{
    if (d->result == DECODE_WHOLE)
        d->result = why;
    return false;
}

static bool keep(struct decoder *d, struct bytes more)
{
    struct bytes fits = bytes_slice(more, 0, d->most - d->kept.len);
    if (!growing_append(&d->memory, &d->kept, fits))
        return stop(d, DECODE_NO_MEMORY);
    return fits.len == more.len || stop(d, DECODE_TOO_LARGE);
}

static bool stage_feed(struct decoder *d, size_t stage, struct bytes more);

/* To the next stage, or to what is kept; no more of it than the ratio lets by. */
static bool give(struct decoder *d, size_t stage, struct bytes out)
{
    struct stage *s = &d->stages[stage];
    size_t most;
    if (__builtin_mul_overflow(d->received, (size_t)DECODE_RATIO_MAX, &most) || __builtin_add_overflow(most, DECODE_FLOOR, &most))
        most = SIZE_MAX;
    struct bytes fits = bytes_slice(out, 0, most - s->gave);
    s->gave += fits.len;
    bool goes_on = stage + 1 < d->stage_count ? stage_feed(d, stage + 1, fits) : keep(d, fits);
    return goes_on && (fits.len == out.len || stop(d, DECODE_TOO_DENSE));
}

/* ---- gzip and deflate */

static void *zlib_take(void *lender, uInt count, uInt size)
{
    size_t all;
    return __builtin_mul_overflow((size_t)count, (size_t)size, &all) ? NULL : lend(lender, all);
}

static bool zlib_begin(struct decoder *d, struct stage *s, int window)
{
    s->zlib = (z_stream){.zalloc = zlib_take, .zfree = give_back, .opaque = &d->lender};
    s->begun = inflateInit2(&s->zlib, window) == Z_OK;
    return s->begun || stop(d, DECODE_NO_MEMORY);
}

/* A gzip body may have several members (RFC 1952, 2.2); anything else behind the end is not of it. */
static bool next_member(struct decoder *d, struct stage *s)
{
    if (s->coding != CODING_GZIP || s->zlib.next_in[0] != 0x1f)
        return stop(d, DECODE_TRAILED);
    s->ended = false;
    return inflateReset(&s->zlib) == Z_OK || stop(d, DECODE_BROKEN);
}

/* One call of inflate. `*ret_more`: there may be more to come of what it has. */
static bool inflate_step(struct decoder *d, size_t stage, bool *ret_more)
{
    struct stage *s = &d->stages[stage];
    s->zlib.next_out = s->out;
    s->zlib.avail_out = STEP;
    int code = inflate(&s->zlib, Z_NO_FLUSH);
    if (!give(d, stage, bytes_of(s->out, STEP - s->zlib.avail_out)))
        return false;
    if (d->lender.out_of_memory)
        return stop(d, DECODE_NO_MEMORY);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return stop(d, DECODE_BROKEN);
    s->ended = code == Z_STREAM_END;
    *ret_more = s->zlib.avail_in > 0 || (!s->ended && s->zlib.avail_out == 0);
    return true;
}

static bool inflate_all(struct decoder *d, size_t stage, struct bytes more)
{
    struct stage *s = &d->stages[stage];
    while (more.len) {
        struct bytes piece = bytes_slice(more, 0, UINT32_MAX);
        bool goes_on = true;
        s->zlib.next_in = piece.at;
        s->zlib.avail_in = (uInt)piece.len;
        while (goes_on)
            if ((s->ended && !next_member(d, s)) || !inflate_step(d, stage, &goes_on))
                return false;
        more = bytes_slice(more, piece.len, more.len);
    }
    return true;
}

/*
 * "deflate" means the zlib format (RFC 9110, 8.4.1.2), and some send raw deflate. Browsers try the former, and the latter
 * when that breaks before it has given a byte.
 */
static bool deflate_begin(struct decoder *d, size_t stage)
{
    struct stage *s = &d->stages[stage];
    if (!zlib_begin(d, s, WINDOW_ZLIB))
        return false;
    s->zlib.next_in = s->head;
    s->zlib.avail_in = (uInt)s->head_len;
    s->zlib.next_out = s->out;
    s->zlib.avail_out = STEP;
    int code = inflate(&s->zlib, Z_NO_FLUSH);
    bool raw = s->zlib.avail_out == STEP && (code == Z_DATA_ERROR || code == Z_NEED_DICT);
    if (d->lender.out_of_memory)
        return stop(d, DECODE_NO_MEMORY);
    if (inflateReset2(&s->zlib, raw ? WINDOW_RAW : WINDOW_ZLIB) != Z_OK)
        return stop(d, DECODE_NO_MEMORY);
    return inflate_all(d, stage, bytes_of(s->head, s->head_len));
}

static bool deflate_feed(struct decoder *d, size_t stage, struct bytes more)
{
    struct stage *s = &d->stages[stage];
    if (!s->begun) {
        struct bytes first = bytes_slice(more, 0, SNIFFED_MAX - s->head_len);
        memcpy(s->head + s->head_len, first.at, first.len);
        s->head_len += first.len;
        more = bytes_slice(more, first.len, more.len);
        if (s->head_len < SNIFFED_MAX)
            return true;
        if (!deflate_begin(d, stage))
            return false;
    }
    return inflate_all(d, stage, more);
}

/* ---- br */

/* What has been decoded is taken from the library's own window, where it stands. */
static bool brotli_take(struct decoder *d, size_t stage)
{
    BrotliDecoderState *b = d->stages[stage].brotli;
    while (BrotliDecoderHasMoreOutput(b)) {
        size_t len = 0;
        const uint8_t *out = BrotliDecoderTakeOutput(b, &len);
        if (!give(d, stage, bytes_of(out, len)))
            return false;
    }
    return true;
}

static bool brotli_piece(struct decoder *d, size_t stage, struct bytes more)
{
    struct stage *s = &d->stages[stage];
    BrotliDecoderResult result;
    if (s->ended)
        return stop(d, DECODE_TRAILED);
    do {
        size_t no_room = 0;
        result = BrotliDecoderDecompressStream(s->brotli, &more.len, &more.at, &no_room, NULL, NULL);
        if (!brotli_take(d, stage))
            return false;
    } while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
    if (d->lender.out_of_memory)
        return stop(d, DECODE_NO_MEMORY);
    s->ended = result == BROTLI_DECODER_RESULT_SUCCESS;
    if (s->ended && more.len)
        return stop(d, DECODE_TRAILED);
    return s->ended || result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT || stop(d, DECODE_BROKEN);
}

static bool brotli_feed(struct decoder *d, size_t stage, struct bytes more)
{
    for (size_t at = 0; at < more.len; at += BROTLI_PIECE)
        if (!brotli_piece(d, stage, bytes_slice(more, at, BROTLI_PIECE)))
            return false;
    return true;
}

/* ---- all of them */

static bool stage_begin(struct decoder *d, struct stage *s, enum coding coding)
{
    s->coding = coding;
    switch (coding) {
    case CODING_GZIP:
        s->out = arena_alloc(d->lender.arena, STEP);
        return s->out && zlib_begin(d, s, WINDOW_GZIP);
    case CODING_DEFLATE:
        s->out = arena_alloc(d->lender.arena, STEP);
        s->head = arena_alloc(d->lender.arena, SNIFFED_MAX);
        return s->out && s->head;
    case CODING_BROTLI:
        s->brotli = BrotliDecoderCreateInstance(lend, give_back, &d->lender);
        return s->begun = s->brotli != NULL;
    }
    return false;
}

struct decoder *decoder_begin(const struct codings *c, size_t most, struct arena *a)
{
    struct decoder *d = arena_alloc(a, sizeof *d);
    if (!d)
        return NULL;
    d->most = most;
    d->memory = (struct report){.arena = a};
    d->lender.arena = a;
    for (size_t i = c->count; i-- > 0;) /* the last one applied comes off first */
        if (!stage_begin(d, &d->stages[d->stage_count++], c->items[i]))
            return NULL;
    return d;
}

static bool stage_feed(struct decoder *d, size_t stage, struct bytes more)
{
    if (!more.len)
        return true;
    switch (d->stages[stage].coding) {
    case CODING_GZIP:
        return inflate_all(d, stage, more);
    case CODING_DEFLATE:
        return deflate_feed(d, stage, more);
    case CODING_BROTLI:
        return brotli_feed(d, stage, more);
    }
    return false;
}

bool decoder_feed(struct decoder *d, struct bytes more)
{
    if (__builtin_add_overflow(d->received, more.len, &d->received))
        d->received = SIZE_MAX;
    if (d->result != DECODE_WHOLE)
        return false;
    return d->stage_count ? stage_feed(d, 0, more) : keep(d, more);
}

size_t decoder_kept(const struct decoder *d)
{
    return d->kept.len;
}

/* A short deflate body has yet to be begun; whatever has not ended was cut. */
static bool stage_end(struct decoder *d, size_t stage)
{
    struct stage *s = &d->stages[stage];
    if (!s->begun && s->head_len && !deflate_begin(d, stage))
        return false;
    return s->ended || stop(d, DECODE_CUT);
}

enum decode_result decoder_end(struct decoder *d, struct bytes *ret)
{
    /* All of them: what a cut or broken one gave may wait in one behind it. */
    for (size_t i = 0; i < d->stage_count && d->result < DECODE_TOO_LARGE; i++)
        (void)stage_end(d, i);
    *ret = growing_bytes(&d->kept);
    return d->result;
}
