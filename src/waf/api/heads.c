/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of messages, as the caller has them, into what the engine reads. */
#include "waf/api/api.h"
#include "waf/api/sized.h"

/* Text that is put together in one piece of the arena. */
struct copying {
    uint8_t *at;
};

static struct bytes put(struct copying *c, struct bytes from)
{
    uint8_t *start = c->at;
    if (from.len)
        c->at = mempcpy(c->at, from.at, from.len);
    return bytes_of(start, from.len);
}

/* Bytes of all headers; false: one has a length and no bytes. */
static bool headers_length(const struct bh_waf_header *headers, size_t count, size_t *ret)
{
    if (!headers && count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_readable(headers[i].name) || !is_readable(headers[i].value) || __builtin_add_overflow(*ret, headers[i].name.len, ret) ||
            __builtin_add_overflow(*ret, headers[i].value.len, ret))
            return false;
    return true;
}

/* Room for the three words of the first line twice, with its blanks, and for the headers. */
static enum bh_waf_result make_room(const struct bytes words[3], const struct bh_waf_header *headers, size_t count, struct arena *a, struct copying *ret_text, struct http_message *ret)
{
    size_t len = 2;
    if (!headers_length(headers, count, &len))
        return BH_WAF_MISUSE;
    if (count > HTTP_HEADERS_MAX)
        return BH_WAF_NOT_HTTP;
    for (size_t i = 0; i < 3; i++)
        if (__builtin_add_overflow(len, words[i].len, &len) || __builtin_add_overflow(len, words[i].len, &len))
            return BH_WAF_MISUSE;
    *ret = (struct http_message){.headers = arena_array(a, count, sizeof *ret->headers), .header_count = count};
    ret_text->at = arena_alloc(a, len);
    return ret->headers && ret_text->at ? BH_WAF_OK : BH_WAF_NO_MEMORY;
}

/* "METHOD TARGET PROTOCOL", or "PROTOCOL STATUS REASON"; without the last where there is none. */
static struct bytes put_line(struct copying *c, const struct bytes words[3])
{
    uint8_t *start = c->at;
    for (size_t i = 0; i < 3; i++) {
        if (i && words[i].len)
            (void)put(c, bytes_of_text(" "));
        (void)put(c, words[i]);
    }
    return bytes_of(start, (size_t)(c->at - start));
}

static enum bh_waf_result copy_head(const struct bytes words[3], const struct bh_waf_header *headers, size_t count, struct arena *a, struct http_message *ret, struct bytes copies[3])
{
    struct copying text;
    enum bh_waf_result result = make_room(words, headers, count, a, &text, ret);
    if (result != BH_WAF_OK)
        return result;
    ret->line = put_line(&text, words);
    for (size_t i = 0; i < 3; i++)
        copies[i] = put(&text, words[i]);
    for (size_t i = 0; i < count; i++)
        ret->headers[i] = (struct http_header){put(&text, bytes_given(headers[i].name)), put(&text, bytes_given(headers[i].value))};
    return BH_WAF_OK;
}

enum bh_waf_result request_copy(const struct bh_waf_request *from, struct arena *a, struct http_message *ret)
{
    struct bh_waf_request known = {0};
    struct bytes copies[3];
    if (!from || !sized_read(from, &known, sizeof known) || !is_readable(known.method) || !is_readable(known.target) || !is_readable(known.protocol))
        return BH_WAF_MISUSE;
    if (!known.method.len || !known.target.len)
        return BH_WAF_NOT_HTTP;
    const struct bytes words[3] = {bytes_given(known.method), bytes_given(known.target), bytes_given(known.protocol)};
    enum bh_waf_result result = copy_head(words, known.headers, known.header_count, a, ret, copies);
    if (result != BH_WAF_OK)
        return result;
    ret->method = copies[0];
    ret->target = copies[1];
    ret->protocol = copies[2];
    return BH_WAF_OK;
}

enum bh_waf_result response_copy(const struct bh_waf_response *from, struct arena *a, struct http_message *ret)
{
    struct bh_waf_response known = {0};
    struct bytes copies[3];
    if (!from || !sized_read(from, &known, sizeof known) || !is_readable(known.protocol) || !is_readable(known.reason) || known.status < 100 || known.status > 599)
        return BH_WAF_MISUSE;
    const char digits[3] = {(char)('0' + known.status / 100), (char)('0' + known.status / 10 % 10), (char)('0' + known.status % 10)};
    const struct bytes words[3] = {bytes_given(known.protocol), bytes_of(digits, sizeof digits), bytes_given(known.reason)};
    enum bh_waf_result result = copy_head(words, known.headers, known.header_count, a, ret, copies);
    if (result != BH_WAF_OK)
        return result;
    ret->response_protocol = copies[0];
    ret->status = copies[1];
    ret->reason = copies[2];
    return BH_WAF_OK;
}

enum bh_waf_result head_read(struct bh_waf_bytes head, bool response, struct arena *a, struct http_message *ret)
{
    const char *error = NULL;
    if (!is_readable(head))
        return BH_WAF_MISUSE;
    const char *copy = arena_text(a, head.len ? head.at : "", head.len);
    if (!copy)
        return BH_WAF_NO_MEMORY;
    struct bytes raw = bytes_of(copy, head.len);
    bool ok = response ? http_response_read(raw, a, ret, &error) : http_request_read(raw, a, ret, &error);
    if (!ok && error == http_no_memory)
        return BH_WAF_NO_MEMORY;
    return ok && !ret->body.len ? BH_WAF_OK : BH_WAF_NOT_HTTP;
}
