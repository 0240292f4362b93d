/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/encode.h"

#include "waf/transform/transform.h"

/* Bytes of a value that was undone; each undoing may make three of one. */
#define UNDONE_MAX ((size_t)1 << 20)

static bool is_plain(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct bytes encode_percent(struct sketch *d, struct bytes value, const char *also)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++)
        if (is_plain(value.at[i]) || (value.at[i] && strchr(also, value.at[i])))
            text_append(&t, &value.at[i], 1);
        else
            text_printf(&t, "%%%02X", value.at[i]);
    return sketch_keep(d, &t);
}

struct bytes encode_xml(struct sketch *d, struct bytes value)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++)
        if (strchr("<>&\"'", value.at[i]) || value.at[i] == '\r')
            text_printf(&t, "&#%u;", value.at[i]);
        else
            text_append(&t, &value.at[i], 1);
    return sketch_keep(d, &t);
}

struct bytes encode_json(struct sketch *d, struct bytes value)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] == '"' || value.at[i] == '\\')
            text_printf(&t, "\\u%04x", value.at[i]);
        else
            text_append(&t, &value.at[i], 1);
    return sketch_keep(d, &t);
}

bool encode_fits_header(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '\r' || value.at[i] == '\n' || value.at[i] == 0)
            return false;
    return true;
}

bool encode_fits_word(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] <= ' ' || value.at[i] == 0x7f)
            return false;
    return true;
}

static struct bytes encode_base64(struct sketch *d, struct bytes value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i += 3) {
        struct bytes three = bytes_slice(value, i, 3);
        uint32_t n = (uint32_t)three.at[0] << 16 | (three.len > 1 ? (uint32_t)three.at[1] << 8 : 0) | (three.len > 2 ? three.at[2] : 0U);
        text_append(&t, &digits[n >> 18], 1);
        text_append(&t, &digits[n >> 12 & 63], 1);
        text_append(&t, three.len > 1 ? &digits[n >> 6 & 63] : "=", 1);
        text_append(&t, three.len > 2 ? &digits[n & 63] : "=", 1);
    }
    return sketch_keep(d, &t);
}

static struct bytes encode_hexadecimal(struct sketch *d, struct bytes value)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++)
        text_printf(&t, "%02x", value.at[i]);
    return sketch_keep(d, &t);
}

/* What a percent decoder changes, and with `narrow` what cannot be sent. */
static struct bytes encode_twice(struct sketch *d, struct bytes value, bool narrow)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c == '%' || c == '+' || (narrow && (c < ' ' || c == ';' || c >= 0x7f)))
            text_printf(&t, "%%%02x", c);
        else
            text_append(&t, &c, 1);
    }
    return sketch_keep(d, &t);
}

static struct bytes backslashes_doubled(struct sketch *d, struct bytes value)
{
    struct text t = text_new(UNDONE_MAX);
    for (size_t i = 0; i < value.len; i++)
        text_append(&t, value.at[i] == '\\' ? "\\\\" : (const char *)&value.at[i], value.at[i] == '\\' ? 2 : 1);
    return sketch_keep(d, &t);
}

struct bytes encode_undo(struct sketch *d, const struct waf_rule_set *set, struct waf_span transformations, struct bytes value, bool narrow)
{
    for (uint32_t i = transformations.count; i > 0 && !d->failed; i--) {
        switch ((enum transformation)set->transformations[transformations.first + i - 1]) {
        case TRANSFORM_BASE64_DECODE:
        case TRANSFORM_BASE64_DECODE_EXT:
            value = encode_base64(d, value);
            break;
        case TRANSFORM_HEX_DECODE:
            value = encode_hexadecimal(d, value);
            break;
        case TRANSFORM_URL_DECODE:
        case TRANSFORM_URL_DECODE_UNI:
            value = encode_twice(d, value, narrow);
            break;
        case TRANSFORM_JS_DECODE:
        case TRANSFORM_ESCAPE_SEQ_DECODE:
            value = backslashes_doubled(d, value);
            break;
        default:
            break;
        }
    }
    return value;
}
