/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of transformations, until the room of transformations is there: then this file is
 * `#include "waf/transform/transform.h"` and its .c file goes. The language needs the enum, with
 * TRANSFORMATION_NONE in it (t:none forgets what stands before it), the names by enum, and the search.
 */
#pragma once

#include "base/bytes.h"

/* The enum's value is what the model stores. */
#define TRANSFORMATIONS(X) \
    X(BASE64_DECODE, "base64Decode") \
    X(BASE64_DECODE_EXT, "base64DecodeExt") \
    X(BASE64_ENCODE, "base64Encode") \
    X(CMD_LINE, "cmdLine") \
    X(COMPRESS_WHITESPACE, "compressWhitespace") \
    X(CSS_DECODE, "cssDecode") \
    X(ESCAPE_SEQ_DECODE, "escapeSeqDecode") \
    X(HEX_DECODE, "hexDecode") \
    X(HEX_ENCODE, "hexEncode") \
    X(HTML_ENTITY_DECODE, "htmlEntityDecode") \
    X(JS_DECODE, "jsDecode") \
    X(LENGTH, "length") \
    X(LOWERCASE, "lowercase") \
    X(MD5, "md5") \
    X(NONE, "none") \
    X(NORMALISE_PATH, "normalisePath") \
    X(NORMALISE_PATH_WIN, "normalisePathWin") \
    X(PARITY_EVEN_7BIT, "parityEven7bit") \
    X(PARITY_ODD_7BIT, "parityOdd7bit") \
    X(PARITY_ZERO_7BIT, "parityZero7bit") \
    X(REMOVE_COMMENTS, "removeComments") \
    X(REMOVE_COMMENTS_CHAR, "removeCommentsChar") \
    X(REMOVE_NULLS, "removeNulls") \
    X(REMOVE_WHITESPACE, "removeWhitespace") \
    X(REPLACE_COMMENTS, "replaceComments") \
    X(REPLACE_NULLS, "replaceNulls") \
    X(SHA1, "sha1") \
    X(SQL_HEX_DECODE, "sqlHexDecode") \
    X(TRIM, "trim") \
    X(TRIM_LEFT, "trimLeft") \
    X(TRIM_RIGHT, "trimRight") \
    X(UPPERCASE, "uppercase") \
    X(URL_DECODE, "urlDecode") \
    X(URL_DECODE_UNI, "urlDecodeUni") \
    X(URL_ENCODE, "urlEncode") \
    X(UTF8_TO_UNICODE, "utf8toUnicode")

enum transformation {
#define X(NAME, TEXT) TRANSFORMATION_##NAME,
    TRANSFORMATIONS(X)
#undef X
    TRANSFORMATION_COUNT,
};

extern const char *const transformation_names[TRANSFORMATION_COUNT];
bool transformation_find(struct bytes name, enum transformation *ret) MUST_USE;
