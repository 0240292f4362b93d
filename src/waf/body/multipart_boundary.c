/* SPDX-License-Identifier: Apache-2.0 */

#include "waf/body/multipart_parts.h"

#define CONTENT_TYPE_MOST 1024
#define TYPE "multipart/form-data"
#define WORD "boundary"

/* How often the word stands there in any case with a '=' somewhere behind it. */
static size_t count_boundaries(struct bytes b)
{
    size_t count = 0, last_equals = 0;
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] == '=')
            last_equals = i + 1;
    }
    for (size_t i = 0; i + strlen(WORD) < last_equals; i++) {
        if (bytes_begin_caseless(bytes_slice(b, i, b.len), bytes_of_text(WORD))) {
            count++;
            i += strlen(WORD) - 1;
        }
    }
    return count;
}

/* RFC 2046, page 22; a space not at the end. */
static bool is_boundary(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (!is_alnum(b.at[i]) && !is_one_of(b.at[i], "'()+_,-./:=?") && !(b.at[i] == ' ' && i + 1 < b.len))
            return false;
    }
    return true;
}

static bool find(struct bytes b, struct bytes what, size_t *ret)
{
    for (size_t i = 0; i + what.len <= b.len; i++) {
        if (has_at(b, i, what)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* The value behind '=', of which the quotes are part yet. */
static const char *value_parse(struct bytes value, multipart_flags flags, struct bytes *ret)
{
    if (is_space(byte_at(value, 0)))
        flags[BODY_FLAG_BOUNDARY_WHITESPACE] = 1;
    bool opens = byte_at(value, 0) == '"', closes = value.len >= 2 && value.at[value.len - 1] == '"';
    if (opens && closes) {
        flags[BODY_FLAG_BOUNDARY_QUOTED] = 1;
        value = bytes_slice(value, 1, value.len - 2);
    } else if (opens || closes) {
        return "Multipart: Invalid boundary in C-T (quote).";
    }
    if (count_boundaries(value))
        return "Multipart: Invalid boundary in C-T (content).";
    /* Some send charset= behind it. */
    const uint8_t *semicolon = value.len ? memchr(value.at, ';', value.len) : NULL;
    if (semicolon && !is_boundary(value))
        value = bytes_slice(value, 0, (size_t)(semicolon - value.at));
    if (!is_boundary(value))
        return "Multipart: Invalid boundary in C-T (characters).";
    /* The peer takes an empty value, with or without quotes, for a body without an error that it then does not read. */
    if (value.len == 0)
        return "Multipart: Invalid boundary in C-T (empty).";
    *ret = value;
    return NULL;
}

const char *boundary_parse(struct bytes content_type, multipart_flags flags, struct bytes *ret)
{
    size_t word, equals;
    bool semicolon = false;
    if (content_type.len == 0)
        return "Multipart: Content-Type header not available.";
    if (content_type.len > CONTENT_TYPE_MOST)
        return "Multipart: Invalid boundary in C-T (length).";
    if (!bytes_begin_caseless(content_type, bytes_of_text(TYPE)))
        return "Multipart: Invalid MIME type.";
    size_t count = count_boundaries(content_type);
    if (count > 1)
        return "Multipart: Multiple boundary parameters in C-T.";
    if (!find(content_type, bytes_of_text(WORD), &word))
        return count ? "Multipart: Invalid boundary in C-T (case sensitivity)." : "Multipart: Boundary not found in C-T.";
    for (size_t i = strlen(TYPE); i < word; i++) {
        if (is_space(content_type.at[i]))
            continue;
        if (semicolon || content_type.at[i] != ';')
            return "Multipart: Invalid boundary in C-T (malformed).";
        semicolon = true;
    }
    flags[BODY_FLAG_MISSING_SEMICOLON] = !semicolon;
    struct bytes rest = bytes_slice(content_type, word + strlen(WORD), content_type.len);
    if (!find(rest, bytes_of_text("="), &equals))
        return "Multipart: Invalid boundary in C-T (malformed).";
    for (size_t i = 0; i < equals; i++) {
        if (!is_space(rest.at[i]))
            return "Multipart: Invalid boundary in C-T (parameter name).";
        flags[BODY_FLAG_BOUNDARY_WHITESPACE] = 1;
    }
    return value_parse(bytes_slice(rest, equals + 1, rest.len), flags, ret);
}
