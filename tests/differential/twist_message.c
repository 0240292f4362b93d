/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/differential/twist_rules.h"

#define VALUE_MAX ((size_t)1 << 14)
#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof(list)[0])])

static const char *const names[] = {"a", "a", "a", "b", "A", "B", "ab", "q", "", "0", "a\nb", "foo"};

/* ---- values */

static void noise(struct random *random, struct text *out)
{
    static const char *const bits[] = {"a", "b", "A", "\n", "\r\n", " ", "\xff", "\x80", "\v", "_", "1", "\xa0", "/", "%", "\\", "foo", "K", "\xc3\xa4", "\x85", "-", "\t"};
    for (uint32_t i = random_below(random, 4); i > 0; i--)
        text_puts(out, PICK(random, bits));
    if (random_chance(random, 5))
        text_append(out, "", 1);
    /* So that what is looked for lies anywhere in what is read at once. */
    const char *filler = random_chance(random, 50) ? "." : "k\n";
    for (uint32_t i = random_chance(random, 8) ? random_below(random, 150) : 0; i > 0; i--)
        text_puts(out, filler);
}

static void swap_case(struct random *random, struct text *t)
{
    uint32_t odds = random_chance(random, 50) ? 100 : 40;
    for (size_t i = 0; i < t->len; i++)
        if (((t->at[i] >= 'a' && t->at[i] <= 'z') || (t->at[i] >= 'A' && t->at[i] <= 'Z')) && random_chance(random, odds))
            t->at[i] ^= 0x20;
}

static void base64(const struct text *in, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in->len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < in->len ? (uint8_t)in->at[i + k] : 0);
        const char quad[] = {digits[bits >> 18], digits[bits >> 12 & 63], i + 1 < in->len ? digits[bits >> 6 & 63] : '=', i + 2 < in->len ? digits[bits & 63] : '='};
        text_append(out, quad, 4);
    }
}

/* As some transformation would undo it; `odds`: of a byte, where single bytes may be written otherwise. */
static void coded(struct random *random, const struct text *in, struct text *out)
{
    static const char *const formats[] = {"%02x", "%%%02x", "%%u00%02x", "\\x%02x", "\\u00%02X", "&#%d;", "&#x%x;", "\\%03o"};
    if (random_chance(random, 25)) {
        base64(in, out);
        return;
    }
    const char *format = PICK(random, formats);
    uint32_t odds = format == formats[0] || random_chance(random, 40) ? 100 : 30;
    for (size_t i = 0; i < in->len; i++) {
        uint8_t c = (uint8_t)in->at[i];
        if (!random_chance(random, odds))
            text_append(out, &c, 1);
        else if (strchr(format, 'd'))
            text_printf(out, "&#%d;", c);
        else if (strchr(format, 'o'))
            text_printf(out, "\\%03o", c);
        else if (format[0] == '&')
            text_printf(out, "&#x%x;", c);
        else if (format[0] == '%' && format[1] == '0')
            text_printf(out, "%02x", c);
        else if (format[0] == '%')
            text_printf(out, format[2] == 'u' ? "%%u00%02x" : "%%%02x", c);
        else
            text_printf(out, format[1] == 'x' ? "\\x%02x" : "\\u00%02X", c);
    }
}

static struct text value_make(struct random *random, const struct twist_rules *rules)
{
    struct text value = text_new(VALUE_MAX);
    if (random_chance(random, 6))
        return value;
    if (random_chance(random, 40))
        noise(random, &value);
    for (uint32_t i = random_chance(random, 75) ? 1 : 2; i > 0 && rules->sample_count; i--) {
        const struct text *sample = &rules->samples[random_below(random, (uint32_t)rules->sample_count)];
        text_append(&value, text_cstr(sample), sample->len);
    }
    if (random_chance(random, 40))
        noise(random, &value);
    if (random_chance(random, 25))
        swap_case(random, &value);
    if (random_chance(random, 20)) {
        struct text other = text_new(VALUE_MAX);
        coded(random, &value, &other);
        text_free(&value);
        return other;
    }
    return value;
}

/* ---- messages */

static void put_encoded(const struct text *value, struct text *out)
{
    for (size_t i = 0; i < value->len; i++) {
        uint8_t c = (uint8_t)value->at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.';
        text_printf(out, plain ? "%c" : "%%%02x", c);
    }
}

static void put_name(struct random *random, struct text *out)
{
    struct text name = text_new(VALUE_MAX);
    text_puts(&name, PICK(random, names));
    put_encoded(&name, out);
    text_free(&name);
}

static void put_pairs(struct random *random, const struct twist_rules *rules, struct text *out)
{
    for (uint32_t i = 0, count = random_below(random, random_chance(random, 90) ? 5 : 40); i < count; i++) {
        struct text value = value_make(random, rules);
        text_puts(out, i ? "&" : "");
        put_name(random, out);
        text_puts(out, random_chance(random, 92) ? "=" : "");
        put_encoded(&value, out);
        text_free(&value);
    }
}

static void put_line(const struct text *value, const char *but, struct text *out)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->at[i] && !strchr(but, value->at[i]))
            text_append(out, value->at + i, 1);
}

static void put_headers(struct random *random, const struct twist_rules *rules, struct text *out)
{
    static const char *const headers[] = {"X-A", "X-A", "x-a", "X-B", "User-Agent", "Referer"};
    for (uint32_t i = random_below(random, 4); i > 0; i--) {
        struct text value = value_make(random, rules);
        text_printf(out, "%s: ", PICK(random, headers));
        put_line(&value, "\r\n", out);
        text_puts(out, "\r\n");
        text_free(&value);
    }
}

static void put_json(struct random *random, const struct twist_rules *rules, struct text *out)
{
    text_puts(out, "{");
    for (uint32_t i = 0, count = random_below(random, 4); i < count; i++) {
        struct text value = value_make(random, rules);
        text_printf(out, "%s\"%s\": %s\"", i ? ", " : "", random_chance(random, 70) ? "a" : "b", random_chance(random, 30) ? "[" : "");
        bool list = out->at[out->len - 2] == '[';
        for (size_t k = 0; k < value.len; k++) {
            uint8_t c = (uint8_t)value.at[k];
            text_printf(out, c < ' ' || c == '"' || c == '\\' || (c >= 0x80 && random_chance(random, 90)) ? "\\u%04x" : "%c", c);
        }
        text_puts(out, list ? "\"]" : "\"");
        text_free(&value);
    }
    text_puts(out, random_chance(random, 95) ? "}" : "");
}

static void put_xml(struct random *random, const struct twist_rules *rules, struct text *out)
{
    struct text one = value_make(random, rules), two = value_make(random, rules);
    text_puts(out, "<r a=\"");
    put_line(&one, "<&\"", out);
    text_puts(out, "\"><b>");
    put_line(&two, "<&", out);
    text_puts(out, random_chance(random, 95) ? "</b><c/></r>" : "</b>");
    text_free(&one);
    text_free(&two);
}

static void put_multipart(struct random *random, const struct twist_rules *rules, struct text *out)
{
    for (uint32_t i = 1 + random_below(random, 3); i > 0; i--) {
        struct text value = value_make(random, rules);
        text_printf(out, "--x\r\nContent-Disposition: form-data; name=\"%s\"", random_chance(random, 50) ? "a" : "foo");
        if (random_chance(random, 40)) {
            text_puts(out, "; filename=\"");
            put_line(&value, "\r\n\"", out);
            text_puts(out, "\"");
        }
        text_puts(out, "\r\n\r\n");
        text_append(out, text_cstr(&value), value.len);
        text_puts(out, "\r\n");
        text_free(&value);
    }
    text_puts(out, random_chance(random, 95) ? "--x--\r\n" : "--x\r\n");
}

static const char *put_body(struct random *random, const struct twist_rules *rules, struct text *out)
{
    switch (random_below(random, 6)) {
    case 0:
        put_json(random, rules, out);
        return "application/json";
    case 1:
        put_xml(random, rules, out);
        return "text/xml";
    case 2:
        put_multipart(random, rules, out);
        return "multipart/form-data; boundary=x";
    case 3: {
        struct text value = value_make(random, rules);
        text_append(out, text_cstr(&value), value.len);
        text_free(&value);
        return "text/plain";
    }
    default:
        put_pairs(random, rules, out);
        return "application/x-www-form-urlencoded";
    }
}

void twist_request_make(struct random *random, const struct twist_rules *rules, struct text *out)
{
    static const char *const paths[] = {"/", "/a", "/a/../b", "/foo.php/x", "/A%62", "//a/./", "/%0a", "/select"};
    bool post = random_chance(random, 50);
    struct text body = text_new(1 << 16);
    text_printf(out, "%s %s", post ? "POST" : "GET", PICK(random, paths));
    if (random_chance(random, 80)) {
        text_puts(out, "?");
        put_pairs(random, rules, out);
    }
    text_puts(out, " HTTP/1.1\r\nHost: a\r\n");
    put_headers(random, rules, out);
    if (random_chance(random, 30)) {
        struct text value = value_make(random, rules);
        text_puts(out, "Cookie: a=");
        put_line(&value, "\r\n", out);
        text_puts(out, "; b=\r\n");
        text_free(&value);
    }
    if (post) {
        const char *type = put_body(random, rules, &body);
        text_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
    }
    text_puts(out, "\r\n");
    text_append(out, text_cstr(&body), body.len);
    text_free(&body);
}

void twist_response_make(struct random *random, const struct twist_rules *rules, struct text *out)
{
    struct text body = value_make(random, rules);
    text_puts(out, "HTTP/1.1 200 OK\r\n");
    put_headers(random, rules, out);
    text_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", random_chance(random, 90) ? "text/html" : "text/plain", body.len);
    text_append(out, text_cstr(&body), body.len);
    text_free(&body);
}
