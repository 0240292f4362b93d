/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings come off whole, in pieces of any size, and what is broken, cut or too much is told and bounded. */
#include <stdio.h>

#include "check.h"
#include "coded.h"

#define MEMORY ((size_t)256 << 20)

/* What a decoder gave. */
struct given {
    struct arena *arena;
    struct bytes bytes;
    enum decode_result result;
};

static struct given decode(const char *codings, struct bytes body, size_t piece, size_t most, uint64_t fail_at)
{
    struct given g = {.arena = arena_create(MEMORY), .result = DECODE_NO_MEMORY};
    struct codings c = {0};
    assert_int_equal(codings_add(&c, bytes_of_text(codings)), CODINGS_KNOWN);
    assert_non_null(g.arena);
    arena_fail_at(g.arena, fail_at);
    struct decoder *d = decoder_begin(&c, most, g.arena);
    bool goes_on = true;
    for (size_t at = 0; d && goes_on && at < body.len; at += piece) {
        struct bytes part = bytes_slice(body, at, piece);
        uint8_t *copy = malloc(part.len); /* gone after the call, and of its own size: the sanitizer sees both */
        assert_non_null(copy);
        memcpy(copy, part.at, part.len);
        goes_on = decoder_feed(d, bytes_of(copy, part.len));
        free(copy);
    }
    if (d)
        g.result = decoder_end(d, &g.bytes);
    return g;
}

static void must_give(const char *codings, struct bytes body, struct bytes plain, enum decode_result result)
{
    static const size_t pieces[] = {1, 2, 3, 7, 999, 1000, 1001, 16384, 1u << 20};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct given g = decode(codings, body, pieces[i], SIZE_MAX, 0);
        assert_int_equal(g.result, result);
        assert_true(bytes_equal(g.bytes, plain));
        arena_destroy(g.arena);
    }
}

/* Text that compresses as pages do, more than a step of it. */
static struct bytes page(void)
{
    static uint8_t text[50000];
    static const char *const words[] = {"<td>", "</td>", "name", "value", " class=\"", "item", "0", "17", "\">", "\n"};
    uint32_t seed = 7;
    for (size_t len = 0; len < sizeof text;) {
        seed = seed * 1664525 + 1013904223;
        struct bytes word = bytes_slice(bytes_of_text(words[seed >> 16 & 7]), 0, sizeof text - len);
        memcpy(text + len, word.at, word.len);
        len += word.len;
    }
    return bytes_of(text, sizeof text);
}

static const struct {
    const char *header, *made;
} kinds[] = {{"gzip", "gzip"}, {"x-gzip", "gzip"}, {"deflate", "deflate"}, {"Deflate", "raw"}, {"br", "br"}, {" , GZIP ,identity,", "gzip"}};

#define KINDS (sizeof kinds / sizeof *kinds)

static void each_coding_comes_off(void **state)
{
    struct bytes plains[] = {page(), bytes_of_text("x"), bytes_of(NULL, 0), bytes_slice(page(), 0, 5000)};
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < sizeof plains / sizeof *plains; k++) {
            struct bytes body = coded(plains[k], kinds[i].made);
            must_give(kinds[i].header, body, plains[k], DECODE_WHOLE);
            coded_free(body);
        }
}

static void several_come_off_in_reverse_order(void **state)
{
    static const char *const codings[] = {"gzip", "deflate", "raw", "br"};
    for (size_t i = 0; i < 64; i++) {
        const char *first = codings[i % 4], *second = codings[i / 4 % 4], *third = codings[i / 16];
        struct bytes one = coded(page(), first), two = coded(one, second), three = coded(two, third);
        char header[64];
        snprintf(header, sizeof header, "%s, %s,%s", first[0] == 'r' ? "deflate" : first, second[0] == 'r' ? "deflate" : second, third[0] == 'r' ? "deflate" : third);
        must_give(header, three, page(), DECODE_WHOLE);
        coded_free(one);
        coded_free(two);
        coded_free(three);
    }
}

static void codings_are_read_as_a_list(void **state)
{
    static const struct {
        const char *header;
        enum codings_result result;
        size_t count;
    } cases[] = {{"", CODINGS_KNOWN, 0}, {"identity", CODINGS_KNOWN, 0}, {"gzip\t, br", CODINGS_KNOWN, 2}, {"br,br,br", CODINGS_KNOWN, 3},
        {"gzip, gzip, gzip, gzip", CODINGS_TOO_MANY, 3}, {"zstd", CODINGS_UNKNOWN, 0}, {"gzip, compress", CODINGS_UNKNOWN, 1}, {"gzi", CODINGS_UNKNOWN, 0},
        {"gzip br", CODINGS_UNKNOWN, 0}, {"gzip;q=1", CODINGS_UNKNOWN, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct codings c = {0};
        assert_int_equal(codings_add(&c, bytes_of_text(cases[i].header)), cases[i].result);
        assert_int_equal(c.count, cases[i].count);
    }
    struct codings lines = {0}; /* two header lines are one list */
    assert_int_equal(codings_add(&lines, bytes_of_text("gzip")), CODINGS_KNOWN);
    assert_int_equal(codings_add(&lines, bytes_of_text("br")), CODINGS_KNOWN);
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.items[1], CODING_BROTLI);
}

static void a_cut_body_gives_what_is_there(void **state)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes body = coded(page(), kinds[i].made);
        for (size_t len = 0; len < body.len; len += len < 20 || len + 20 > body.len ? 1 : 211) {
            struct given g = decode(kinds[i].header, bytes_slice(body, 0, len), 64, SIZE_MAX, 0);
            assert_int_equal(g.result, DECODE_CUT);
            assert_true(bytes_equal(g.bytes, bytes_slice(page(), 0, g.bytes.len)));
            assert_true(len < body.len * 3 / 4 || g.bytes.len > page().len / 4);
            arena_destroy(g.arena);
        }
        coded_free(body);
    }
}

/* Any byte changed: what comes of it may differ, but ends well, and whatever comes before the change is as it was. */
static void a_broken_body_ends_well(void **state)
{
    bool broke = false;
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes body = coded(bytes_slice(page(), 0, 5000), kinds[i].made);
        uint8_t *bytes = (uint8_t *)(uintptr_t)body.at;
        for (size_t at = 0; at < body.len; at += 3) {
            bytes[at] ^= 0x55;
            struct given g = decode(kinds[i].header, body, 100, (size_t)16 << 20, 0);
            broke |= g.result == DECODE_BROKEN;
            assert_true(g.result != DECODE_NO_MEMORY);
            arena_destroy(g.arena);
            bytes[at] ^= 0x55;
        }
        coded_free(body);
    }
    assert_true(broke);
}

static void what_is_behind_the_end_is_told(void **state)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes body = coded(page(), kinds[i].made);
        uint8_t *longer = malloc(body.len + 1);
        assert_non_null(longer);
        memcpy(longer, body.at, body.len);
        longer[body.len] = 'x';
        must_give(kinds[i].header, bytes_of(longer, body.len + 1), page(), DECODE_TRAILED);
        free(longer);
        coded_free(body);
    }
}

static void members_of_gzip_follow_each_other(void **state)
{
    struct bytes one = coded(bytes_of_text("uni"), "gzip"), two = coded(bytes_of_text("on select"), "gzip");
    uint8_t both[128];
    assert_true(one.len + two.len <= sizeof both);
    memcpy(both, one.at, one.len);
    memcpy(both + one.len, two.at, two.len);
    must_give("gzip", bytes_of(both, one.len + two.len), bytes_of_text("union select"), DECODE_WHOLE);
    both[one.len + 1] = 0; /* looks like a member, and is none */
    must_give("gzip", bytes_of(both, one.len + two.len), bytes_of_text("uni"), DECODE_BROKEN);
    coded_free(one);
    coded_free(two);
}

static void the_limit_is_exact(void **state)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes body = coded(page(), kinds[i].made);
        for (size_t most = page().len - 1; most <= page().len; most++) {
            struct given g = decode(kinds[i].header, body, 4096, most, 0);
            assert_int_equal(g.result, most < page().len ? DECODE_TOO_LARGE : DECODE_WHOLE);
            assert_true(bytes_equal(g.bytes, bytes_slice(page(), 0, most)));
            arena_destroy(g.arena);
        }
        coded_free(body);
    }
}

/* 64 MiB of zeros, up to three times over. */
static void a_bomb_stays_within_its_ratio(void **state)
{
    static const char *const bombs[] = {"gzip", "deflate", "br", "gzip, gzip", "br, br", "br, gzip", "gzip, gzip, gzip"};
    struct bytes plain = {.at = calloc(1, (size_t)64 << 20), .len = (size_t)64 << 20};
    assert_non_null(plain.at);
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct codings c = {0};
        struct bytes body = plain;
        assert_int_equal(codings_add(&c, bytes_of_text(bombs[i])), CODINGS_KNOWN);
        for (size_t k = 0; k < c.count; k++) {
            struct bytes next = coded(body, c.items[k] == CODING_GZIP ? "gzip" : c.items[k] == CODING_BROTLI ? "br" : "deflate");
            if (k)
                coded_free(body);
            body = next;
        }
        struct given g = decode(bombs[i], body, SIZE_MAX / 2, SIZE_MAX, 0);
        assert_int_equal(g.result, DECODE_TOO_DENSE);
        assert_true(g.bytes.len <= body.len * DECODE_RATIO_MAX + DECODE_FLOOR);
        assert_true(arena_used(g.arena) < 4 * g.bytes.len + ((size_t)80 << 20));
        arena_destroy(g.arena);
        coded_free(body);
    }
    coded_free(plain);
}

/* Whatever brotli takes and gives back with each of its blocks, the arena does not grow with their number. */
static void memory_does_not_grow_with_blocks(void **state)
{
    size_t len = (size_t)8 << 20;
    uint8_t *plain = malloc(len);
    uint32_t seed = 1;
    assert_non_null(plain);
    for (size_t i = 0; i < len; i++) { /* other statistics with every 64 KiB */
        seed = seed * 1664525 + 1013904223;
        plain[i] = (uint8_t)((seed >> 24) % (2 + (i >> 16) % 200));
    }
    struct bytes body = coded(bytes_of(plain, len), "br");
    struct given g = decode("br", body, 4096, SIZE_MAX, 0);
    assert_int_equal(g.result, DECODE_WHOLE);
    assert_true(bytes_equal(g.bytes, bytes_of(plain, len)));
    assert_true(arena_used(g.arena) < ((size_t)64 << 20));
    arena_destroy(g.arena);
    coded_free(body);
    free(plain);
}

static void memory_may_end_at_any_time(void **state)
{
    static const char *const headers[] = {"gzip", "deflate", "br", "gzip, br", "br, deflate, gzip"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct codings c = {0};
        struct bytes body = page();
        assert_int_equal(codings_add(&c, bytes_of_text(headers[i])), CODINGS_KNOWN);
        for (size_t k = 0; k < c.count; k++) {
            struct bytes next = coded(body, c.items[k] == CODING_GZIP ? "gzip" : c.items[k] == CODING_BROTLI ? "br" : "deflate");
            if (k)
                coded_free(body);
            body = next;
        }
        struct given g = {.result = DECODE_NO_MEMORY};
        uint64_t fail_at = 0;
        while (g.result == DECODE_NO_MEMORY) { /* until so late that none is left to fail */
            g = decode(headers[i], body, 500, SIZE_MAX, ++fail_at);
            arena_destroy(g.arena);
        }
        assert_int_equal(g.result, DECODE_WHOLE);
        assert_true(fail_at > 3);
        coded_free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_coding_comes_off),
        cmocka_unit_test(several_come_off_in_reverse_order),
        cmocka_unit_test(codings_are_read_as_a_list),
        cmocka_unit_test(a_cut_body_gives_what_is_there),
        cmocka_unit_test(a_broken_body_ends_well),
        cmocka_unit_test(what_is_behind_the_end_is_told),
        cmocka_unit_test(members_of_gzip_follow_each_other),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_bomb_stays_within_its_ratio),
        cmocka_unit_test(memory_does_not_grow_with_blocks),
        cmocka_unit_test(memory_may_end_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
