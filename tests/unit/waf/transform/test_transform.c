/* SPDX-License-Identifier: Apache-2.0 */
/* Transformations: each as defined, unchanged is the input itself, within its bound, and false when memory is out. */
#include "waf/transform/transform.h"

#include <stdlib.h>

#include "../../base/check.h"

static const struct {
    const char *name, *in;
    size_t in_len;
    const char *out;
    size_t out_len;
} cases[] = {
#define CASE(name, in, out) {name, in, sizeof in - 1, out, sizeof out - 1}
    CASE("none", "A b", "A b"),
    CASE("base64Decode", "VGVzdA==", "Test"),
    CASE("base64Decode", "VGVz\r\ndA==", "Test"),
    CASE("base64Decode", "VGVz dA==", ""),
    CASE("base64Decode", "VGVzdA", "Tes"),
    CASE("base64DecodeExt", "V.G-Vz dA", "Test"),
    CASE("base64DecodeExt", "A=", ""),
    CASE("base64DecodeExt", "VGVz9", ""),
    CASE("base64Encode", "Test", "VGVzdA=="),
    CASE("base64Encode", "", ""),
    CASE("cmdLine", "C^OMMAND /C \"Dir\";;  x", "command/c dir x"),
    CASE("compressWhitespace", " a \t\n b\v", " a b "),
    CASE("cssDecode", "\\6a\\000061 va\\\nx\\ff1c b\\", "javax<b"),
    CASE("cssDecode", "a\0b", "a"),
    CASE("escapeSeqDecode", "\\a\\x41\\101\\q\\xzz\\", "\aAAqxzz\\"),
    CASE("hexDecode", "4142c", "AB"),
    CASE("hexEncode", "A\0\xff", "4100ff"),
    CASE("htmlEntityDecode", "&lt;&#65;&#x42&nbsp;&foo;&#;&", "<AB\xa0&foo;&#;&"),
    CASE("htmlEntityDecode", "&#99999999999999999999;", "\xff"),
    CASE("jsDecode", "\\u0041\\uff1c\\x42\\103\\477\\n\\'\\", "A<BC\x27" "7\n'\\"),
    CASE("length", "", "0"),
    CASE("length", "0123456789", "10"),
    CASE("lowercase", "AbZ[\xc4", "abz[\xc4"),
    CASE("uppercase", "aBz{\xe4", "ABZ{\xe4"),
    CASE("md5", "", "\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e"),
    CASE("sha1", "abc", "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d"),
    CASE("normalisePath", "/a/./b/..//c/", "/a/c/"),
    CASE("normalizePath", "../../x", "../../x"),
    CASE("normalisePath", "/../../etc/passwd", "/etc/passwd"),
    CASE("normalizePathWin", "\\a\\.\\b\\..\\c", "/a/c"),
    CASE("parityEven7bit", "ab", "\xe1\xe2"),
    CASE("parityOdd7bit", "ac", "a\xe3"),
    CASE("parityZero7bit", "\xe1", "a"),
    CASE("removeComments", "a/*b*/c--d", "ac"),
    CASE("removeComments", "a<!--", "a "),
    CASE("removeComments", "a/**/", "a\0"),
    CASE("removeCommentsChar", "a/*b*/c--d#<!---->", "abcd"),
    CASE("replaceComments", "a/*b*/c/*", "a c "),
    CASE("removeNulls", "a\0b", "ab"),
    CASE("replaceNulls", "a\0b", "a b"),
    CASE("removeWhitespace", " a\xc2\xa0\tb", "ab"),
    CASE("sqlHexDecode", "a0x414243 0x4 ", "aABC 0x4"),
    CASE("trim", " \ta \n", "a"),
    CASE("trimLeft", " a ", "a "),
    CASE("trimRight", " a ", " a"),
    CASE("urlDecode", "%41+%4g%", "A %4g%"),
    CASE("urlDecodeUni", "%41%u0042%uff1c%u00+", "AB<%u00 "),
    CASE("urlEncode", "a *\xff-", "a+*%ff%2d"),
    CASE("utf8toUnicode", "a\xc3\xa4\xe2\x82\xac\xc3\0", "a%u00e4%u20ac"),
    CASE("utf8toUnicode", "\xc0\xaf\xf0\x9f\x9a\xa2", "%u002f\xc0%u1f6a2"),
#undef CASE
};

static void each_is_as_defined(void **state)
{
    struct arena *a = arena_create(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum transformation t;
        struct bytes out;
        assert_true(transformation_find(bytes_of_text(cases[i].name), &t));
        assert_true(transform(t, NULL, bytes_of(cases[i].in, cases[i].in_len), a, &out));
        if (!bytes_equal(out, bytes_of(cases[i].out, cases[i].out_len)))
            fail_msg("%s of %s is %.*s", cases[i].name, cases[i].in, (int)out.len, out.at ? (const char *)out.at : "");
    }
    arena_destroy(a);
}

static void names_are_found_in_any_case(void **state)
{
    enum transformation t = TRANSFORM_NONE;
    for (int i = 0; i < TRANSFORMATION_COUNT; i++) {
        char name[40] = "";
        strncpy(name, transformation_names[i], sizeof name - 1);
        assert_true(transformation_find(bytes_of_text(name), &t));
        assert_int_equal(t, i);
        for (char *c = name; *c; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 32);
        assert_true(transformation_find(bytes_of_text(name), &t));
        assert_int_equal(t, i);
        assert_false(transformation_find(bytes_of(name, strlen(name) - 1), &t) && t == (enum transformation)i);
    }
    assert_true(transformation_find(bytes_of_text("normalizepathwin"), &t));
    assert_int_equal(t, TRANSFORM_NORMALISE_PATH_WIN);
    assert_false(transformation_find(bytes_of_text("trimm"), &t));
    assert_false(transformation_find(bytes_of(NULL, 0), &t));
}

static size_t bound(enum transformation t, size_t len)
{
    static const size_t times[][2] = {
#define X(name, text, writer, triggers, half, plus) {half, plus},
        TRANSFORMATIONS(X)
#undef X
    };
    return (times[t][0] * len + 1) / 2 + times[t][1];
}

/* In blocks of their own size, so that the sanitizer sees a read behind the end. */
static void any_bytes(enum transformation t, const uint8_t *bytes, size_t len, struct arena *a)
{
    uint8_t *block = malloc(len ? len : 1);
    assert_non_null(block);
    if (len)
        memcpy(block, bytes, len);
    struct bytes in = bytes_of(block, len), out = {NULL, 7};
    uint64_t before = arena_allocations(a);
    assert_true(transform(t, NULL, in, a, &out));
    assert_true(out.len <= bound(t, len));
    bool same = out.at == in.at && out.len == in.len;
    assert_int_equal(bytes_equal(in, out), same);
    if (arena_allocations(a) > before) {
        struct bytes kept = {NULL, 7};
        arena_fail_at(a, 1);
        assert_false(transform(t, NULL, in, a, &kept));
        assert_true(kept.at == NULL && kept.len == 7);
        arena_fail_at(a, 0);
    }
    free(block);
}

static void any_bytes_stay_in_their_bounds_and_unchanged_is_the_input(void **state)
{
    static const uint8_t likely[] = "/*-<!>#\\ux%&;lt0Ff9=. '\"^,(\t\n\xc3\xa4\xe2\x82\xac\xf0\xff";
    uint64_t random = 1;
    for (int t = 0; t < TRANSFORMATION_COUNT; t++) {
        struct arena *a = arena_create(64 << 20);
        uint8_t bytes[256];
        any_bytes((enum transformation)t, NULL, 0, a);
        for (int i = 0; i < 256; i++) {
            bytes[i] = (uint8_t)i;
            any_bytes((enum transformation)t, bytes + i, 1, a);
        }
        any_bytes((enum transformation)t, bytes, 256, a);
        for (int i = 0; i < 3000; i++) {
            size_t len = 0, want = (size_t)i % 40;
            while (len < want) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                bytes[len++] = random >> 62 ? likely[(random >> 33) % sizeof likely] : (uint8_t)(random >> 40);
            }
            any_bytes((enum transformation)t, bytes, len, a);
        }
        arena_destroy(a);
    }
}

static void a_map_is_read_and_used(void **state)
{
    static const char text[] = "1250 (one)\n00e4:61\n\n1251 (two) 00e4:62 0100:0x63 x:64\n1252 00e4:65";
    struct arena *a = arena_create(1 << 20);
    const struct unicode_map *map;
    struct bytes out;
    assert_true(unicode_map_parse(bytes_of_text(text), 1251, a, &map));
    assert_true(map->found);
    assert_int_equal(map->to[0xe4], 'b');
    assert_int_equal(map->to[0x100], 0x64); /* the code of "x" is no number: that of the pair before it stays */
    assert_int_equal(map->to[0x3002], '.');
    assert_int_equal(map->to[0x41], -1);
    struct bytes in = bytes_of_text("%u00E4%u0041%uff0e%uff1c");
    assert_true(transform(TRANSFORM_URL_DECODE_UNI, map, in, a, &out));
    assert_true(bytes_equal(out, bytes_of_text("bA.<")));
    assert_true(unicode_map_parse(bytes_of_text(text), 20127, a, &map));
    assert_false(map->found);
    assert_true(unicode_map_parse(bytes_of(NULL, 0), 0, a, &map));
    assert_true(transform(TRANSFORM_URL_DECODE_UNI, map, bytes_of_text("%u3002"), a, &out));
    assert_true(bytes_equal(out, bytes_of("\2", 1)));
    arena_fail_at(a, 1);
    assert_false(unicode_map_parse(bytes_of_text(text), 1251, a, &map));
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_as_defined),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(any_bytes_stay_in_their_bounds_and_unchanged_is_the_input),
        cmocka_unit_test(a_map_is_read_and_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
