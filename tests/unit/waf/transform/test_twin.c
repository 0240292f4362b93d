/* SPDX-License-Identifier: Apache-2.0 */
/* The transformations against their plain twins (naive.c): where blocks begin and end, and on texts of every kind. */
#include <stdlib.h>

#include "../../base/check.h"
#include "naive.h"

#define LONGEST 600

/* What a transformation may take for the beginning of something, or for a part of it. */
static const char *const pieces[] = {
    "A", "Z", "@", "[", "{", "`", " ", "  ", " \t", "\n", "\r\n", "\v", "\f", "\xa0", "\xc2", "\xc2\xa0", "\\", "\\n", "\\x41", "\\x4", "\\u0041",
    "\\uff1c", "\\101", "\\477", "\\6a ", "\\0000611", "\\\n", "%", "%41", "%4", "%u0041", "%u00", "%uff1c", "%%41", "+", "++", "&", "&lt;", "&lt",
    "&#65;", "&#x41", "&#", "&#x", "&&amp;", "&nbsp;", "&quo", "/", "//", "/.", "/./", "/..", "/../", "..", ".", "./", "../", "...", "\\..\\", "\\\\", "/\\",
    "/*", "*/", "/**/", "/*/", "<!--", "-->", "<!-", "--", "-", "->", "#", "*", "<", "\"", "'", "^", ",", ", ", " ,", ";", " /", " (", "\" /", "(", "\xc3\xa4",
    "\xe2\x82\xac", "\xf0\x9f\x9a\xa2", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff", "\x80", "\xe2\x82", "=", "==", "0x41", "0x4142 ", "0x00", "0x",
};
#define PIECES (sizeof pieces / sizeof pieces[0])

struct rng {
    uint64_t state;
};

static size_t below(struct rng *r, size_t bound)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(r->state >> 33) % bound;
}

/* In a block of its own size, so that the sanitizer sees a read behind the end. */
static void compare(const struct naive *n, const uint8_t *text, size_t len, struct arena *a)
{
    static uint8_t expected[LONGEST * 4 + 16];
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    if (len)
        memcpy(block, text, len);
    struct bytes in = bytes_of(block, len), out;
    assert_true(transform_triggered(n->is, NULL, in, a, &out));
    size_t want = n->write(in, NULL, expected);
    if (!bytes_equal(out, bytes_of(expected, want))) {
        for (size_t i = 0; i < len; i++)
            print_message("%02x ", text[i]);
        fail_msg("%s of these %zu bytes has %zu, not %zu, or others", transformation_names[n->is], len, out.len, want);
    }
    assert_int_equal(bytes_equal(in, out), out.at == in.at && out.len == in.len);
    arena_reset(a, 1 << 20);
    free(block);
}

/* What is known of a text without making anything of it. */
static uint64_t seen_in(struct bytes in)
{
    uint64_t table[256], most = 0, found = 0;
    for (unsigned byte = 0; byte < 256; byte++)
        most |= table[byte] = transformations_of_byte((uint8_t)byte);
    for (size_t i = 0; i < in.len; i++)
        found |= table[in.at[i]];
    assert_int_equal(entries_of_bytes(table, most, in), found);
    return found;
}

static bool stays(enum transformation t, struct bytes in, struct arena *a)
{
    struct bytes out;
    assert_true(transform_triggered(t, NULL, in, a, &out));
    return out.at == in.at && out.len == in.len;
}

static void compare_all(const uint8_t *text, size_t len, struct arena *a)
{
    struct bytes in = bytes_of(text, len), out;
    uint64_t seen = seen_in(in), all = 0;
    for (size_t i = 0; i < naive_count; i++)
        compare(&naives[i], text, len, a);
    for (int t = 0; t < TRANSFORMATION_COUNT; t++) {
        all |= (uint64_t)stays((enum transformation)t, in, a) << t;
        if (!transformation_only_takes((enum transformation)t))
            continue;
        assert_true(transform_triggered((enum transformation)t, NULL, in, a, &out));
        for (size_t i = 0; i < out.len; i++)
            assert_true(out.at[i] == ' ' || (out.at[i] >= 'a' && out.at[i] <= 'z') || memchr(in.at, out.at[i], in.len));
    }
    for (int t = 0; t < TRANSFORMATION_COUNT; t++)
        if (all >> t & 1)
            assert_int_equal(transformations_alike((enum transformation)t, seen) & ~all, 0);
    arena_reset(a, 1 << 20);
}

/* A piece, also of NULs, at each place of texts of each length around one, two and three blocks. */
static void a_piece_at_any_place_of_a_block(void **state)
{
    static const uint8_t fillers[] = {'a', 'A', ' ', '/', '0', 0};
    struct arena *a = arena_create(16 << 20);
    for (size_t p = 0; p <= PIECES; p++) {
        struct bytes piece = p < PIECES ? bytes_of_text(pieces[p]) : bytes_of("", 1);
        for (size_t len = 0; len <= 50; len += len == 18 ? 11 : 1)
            for (size_t at = 0; at + piece.len <= len; at++) {
                uint8_t text[64];
                memset(text, fillers[(p + len + at) % sizeof fillers], len);
                memcpy(text + at, piece.at, piece.len);
                compare_all(text, len, a);
            }
    }
    arena_destroy(a);
}

/* Pieces one after another, with runs of letters between them. `letters`: how many at most. */
static size_t make(struct rng *r, uint8_t *text, size_t want, size_t letters)
{
    size_t len = 0;
    while (len < want) {
        struct bytes piece = below(r, 20) ? bytes_of_text(pieces[below(r, PIECES)]) : bytes_of("", 1);
        for (size_t run = below(r, letters + 1); run && len < want; run--)
            text[len++] = (uint8_t)("abcxyz019uAF"[below(r, 12)]);
        for (size_t i = 0; i < piece.len && len < want; i++)
            text[len++] = piece.at[i];
    }
    return len;
}

static void texts_of_pieces(void **state)
{
    struct arena *a = arena_create(16 << 20);
    struct rng r = {20250601};
    print_message("seed %llu\n", (unsigned long long)r.state);
    for (int i = 0; i < 30000; i++) {
        uint8_t text[LONGEST];
        size_t len = make(&r, text, below(&r, i % 50 ? 70 : LONGEST), (size_t[]){0, 3, 12, 40}[i % 4]);
        compare_all(text, len, a);
    }
    arena_destroy(a);
}

static void any_bytes(void **state)
{
    struct arena *a = arena_create(16 << 20);
    struct rng r = {7};
    for (int i = 0; i < 5000; i++) {
        uint8_t text[80];
        size_t len = below(&r, sizeof text);
        for (size_t k = 0; k < len; k++)
            text[k] = (uint8_t)below(&r, 256);
        compare_all(text, len, a);
    }
    arena_destroy(a);
}

/* Base64 has few texts that are it. */
static void texts_of_base64(void **state)
{
    static const char likely[] = "QUJDabc0129+/QUJDabc0129+/QUJD= \r\n-";
    struct arena *a = arena_create(16 << 20);
    struct rng r = {11};
    for (int i = 0; i < 100000; i++) {
        uint8_t text[64];
        size_t len = below(&r, sizeof text), rare = i % 3 ? 26 : sizeof likely;
        for (size_t k = 0; k < len; k++)
            text[k] = (uint8_t)likely[below(&r, rare)];
        for (size_t k = below(&r, 4); k && len; k--)
            text[len - 1 - below(&r, len < 4 ? len : 4)] = (uint8_t)"= \n\r0"[below(&r, 6)];
        for (size_t k = 0; k < naive_count; k++)
            if (naives[k].is == TRANSFORM_BASE64_DECODE)
                compare(&naives[k], text, len, a);
    }
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_at_any_place_of_a_block),
        cmocka_unit_test(texts_of_pieces),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(texts_of_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
