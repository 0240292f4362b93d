/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transformations of SecLang (t:NAME), byte for byte as libmodsecurity 3.0.9 applies them. Bytes in, bytes out:
 * it knows neither rules nor variables.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

/*
 * X(enum, SecLang name, writer, triggers, times, plus): the output has at most `times` * length / 2 + `plus` bytes;
 * an input without any byte of the class `triggers` is its own output (transform.c).
 */
#define TRANSFORMATIONS(X)                                                    \
    X(NONE, "none", none, NEVER, 2, 0)                                         \
    X(BASE64_DECODE, "base64Decode", base64_decode, ALWAYS, 2, 0)              \
    X(BASE64_DECODE_EXT, "base64DecodeExt", base64_decode_ext, ALWAYS, 2, 0)   \
    X(BASE64_ENCODE, "base64Encode", base64_encode, ALWAYS, 3, 4)              \
    X(CMD_LINE, "cmdLine", cmd_line, COMMAND, 2, 0)                            \
    X(COMPRESS_WHITESPACE, "compressWhitespace", compress_whitespace, SPACES, 2, 0) \
    X(CSS_DECODE, "cssDecode", css_decode, BACKSLASH_NUL, 2, 0)                \
    X(ESCAPE_SEQ_DECODE, "escapeSeqDecode", escape_seq_decode, BACKSLASH, 2, 0) \
    X(HEX_DECODE, "hexDecode", hex_decode, ALWAYS, 1, 0)                       \
    X(HEX_ENCODE, "hexEncode", hex_encode, ALWAYS, 4, 0)                       \
    X(HTML_ENTITY_DECODE, "htmlEntityDecode", html_entity_decode, AMPERSAND, 2, 0) \
    X(JS_DECODE, "jsDecode", js_decode, BACKSLASH, 2, 0)                       \
    X(LENGTH, "length", length, ALWAYS, 0, 20)                                 \
    X(LOWERCASE, "lowercase", lowercase, UPPER, 2, 0)                          \
    X(MD5, "md5", md5, ALWAYS, 0, 16)                                          \
    X(NORMALISE_PATH, "normalisePath", normalise_path, PATH, 2, 1)             \
    X(NORMALISE_PATH_WIN, "normalisePathWin", normalise_path_win, PATH_WIN, 2, 1) \
    X(PARITY_EVEN_7BIT, "parityEven7bit", parity_even_7bit, ALWAYS, 2, 0)      \
    X(PARITY_ODD_7BIT, "parityOdd7bit", parity_odd_7bit, ALWAYS, 2, 0)         \
    X(PARITY_ZERO_7BIT, "parityZero7bit", parity_zero_7bit, HIGH, 2, 0)        \
    X(REMOVE_COMMENTS, "removeComments", remove_comments, COMMENT, 2, 1)       \
    X(REMOVE_COMMENTS_CHAR, "removeCommentsChar", remove_comments_char, COMMENT, 2, 0) \
    X(REMOVE_NULLS, "removeNulls", remove_nulls, NUL, 2, 0)                    \
    X(REMOVE_WHITESPACE, "removeWhitespace", remove_whitespace, SPACES_NBSP, 2, 0) \
    X(REPLACE_COMMENTS, "replaceComments", replace_comments, SLASH, 2, 1)      \
    X(REPLACE_NULLS, "replaceNulls", replace_nulls, NUL, 2, 0)                 \
    X(SHA1, "sha1", sha1, ALWAYS, 0, 20)                                       \
    X(SQL_HEX_DECODE, "sqlHexDecode", sql_hex_decode, ALWAYS, 2, 0)            \
    X(TRIM, "trim", trim, SPACES, 2, 0)                                        \
    X(TRIM_LEFT, "trimLeft", trim_left, SPACES, 2, 0)                          \
    X(TRIM_RIGHT, "trimRight", trim_right, SPACES, 2, 0)                       \
    X(UPPERCASE, "uppercase", uppercase, LOWER, 2, 0)                          \
    X(URL_DECODE, "urlDecode", url_decode, PERCENT_PLUS, 2, 0)                 \
    X(URL_DECODE_UNI, "urlDecodeUni", url_decode_uni, PERCENT_PLUS, 2, 0)      \
    X(URL_ENCODE, "urlEncode", url_encode, NOT_PLAIN, 6, 0)                    \
    X(UTF8_TO_UNICODE, "utf8toUnicode", utf8_to_unicode, HIGH_NUL, 8, 0)

/* X(enum, second SecLang name) */
#define TRANSFORMATION_ALIASES(X)         \
    X(NORMALISE_PATH, "normalizePath")     \
    X(NORMALISE_PATH_WIN, "normalizePathWin")

enum transformation {
#define X(name, text, writer, triggers, times, plus) TRANSFORM_##name,
    TRANSFORMATIONS(X)
#undef X
    TRANSFORMATION_COUNT
};

/* What urlDecodeUni makes of %uHHHH: one line of numbers of SecUnicodeMapFile. */
struct unicode_map {
    uint32_t code_page; /* 0: the map is not used */
    bool found;         /* the text has a mapping for this code page; without it only the four full stops are mapped */
    int16_t to[65536];  /* the byte, or -1 */
};

/* By SecLang name, in any case. */
bool transformation_find(struct bytes name, enum transformation *ret) MUST_USE;
extern const char *const transformation_names[TRANSFORMATION_COUNT]; /* as SecLang writes them */

/*
 * `map` may be NULL, only urlDecodeUni looks at it. *ret is `in` itself when nothing changes, else memory of `a`;
 * false when that is out, and *ret is as it was.
 */
bool transform(enum transformation t, const struct unicode_map *map, struct bytes in, struct arena *a, struct bytes *ret) MUST_USE;
/* The same, of what is known to have a byte that may make it change. */
bool transform_triggered(enum transformation t, const struct unicode_map *map, struct bytes in, struct arena *a, struct bytes *ret) MUST_USE;

/* Bits by enum transformation: those that may change a value because it has this byte; one that may change any has them all. */
uint64_t transformations_of_byte(uint8_t byte);
/* The entries of all bytes of `in` together. `most`: those of every byte. */
uint64_t entries_of_bytes(const uint64_t table[256], uint64_t most, struct bytes in);
/* Makes no byte but small letters and blanks that the input has not. */
bool transformation_only_takes(enum transformation t);
/* Bits of those that leave a text as it is where `t` does, itself among them. `seen`: what the text's bytes may make change. */
uint64_t transformations_alike(enum transformation t, uint64_t seen);

/*
 * The text of a SecUnicodeMapFile: numbers of code pages, each followed by pairs CODE:BYTE in hexadecimal; words
 * between them are comments. False when memory is out.
 */
bool unicode_map_parse(struct bytes text, uint32_t code_page, struct arena *a, const struct unicode_map **ret) MUST_USE;
