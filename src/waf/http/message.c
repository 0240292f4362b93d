/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/http/message.h"


const char http_no_memory[] = "out of memory";

/* Optional white space (RFC 9110, 5.6.3). */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct bytes trim_blanks(struct bytes b)
{
    size_t from = 0, to = b.len;
    while (from < to && is_blank(b.at[from]))
        from++;
    while (to > from && is_blank(b.at[to - 1]))
        to--;
    return bytes_slice(b, from, to - from);
}

/* The next line without its CRLF, or bare LF (RFC 9112, 2.2); false at the end of the input. */
static bool read_line(struct cursor *c, struct bytes *ret)
{
    struct bytes left = bytes_slice(c->all, c->at, cursor_left(c)), newline;
    const uint8_t *end = left.len ? memchr(left.at, '\n', left.len) : NULL;
    if (!left.len || !cursor_read(c, end ? (size_t)(end - left.at) : left.len, ret))
        return false;
    if (ret->len && ret->at[ret->len - 1] == '\r')
        ret->len--;
    return !end || cursor_read(c, 1, &newline);
}

/* What stands before the next blank, and the rest behind it. */
static struct bytes read_word(struct bytes *rest)
{
    const uint8_t *blank = rest->len ? memchr(rest->at, ' ', rest->len) : NULL;
    size_t len = blank ? (size_t)(blank - rest->at) : rest->len;
    struct bytes word = bytes_slice(*rest, 0, len);
    *rest = bytes_slice(*rest, len + (blank != NULL), rest->len);
    return word;
}

static bool has_prefix(struct bytes b, const char *prefix)
{
    return b.len >= strlen(prefix) && memcmp(b.at, prefix, strlen(prefix)) == 0;
}

static bool read_request_line(struct http_message *m, const char **ret_error)
{
    struct bytes rest = m->line;
    m->method = read_word(&rest);
    if (!m->method.len || !rest.len) {
        *ret_error = "the first line is not `METHOD TARGET PROTOCOL`";
        return false;
    }
    /* The protocol is the last word: a target may hold blanks, which a rule is to see. */
    size_t at = rest.len;
    while (at && rest.at[at - 1] != ' ')
        at--;
    struct bytes last = bytes_slice(rest, at, rest.len);
    bool named = at && has_prefix(last, "HTTP/");
    if (!named && at) { /* HTTP/0.9 (RFC 1945, 4.1) has a target without blanks, and nothing behind it */
        *ret_error = "the first line does not end with HTTP/ and a version";
        return false;
    }
    m->protocol = named ? last : (struct bytes){0};
    m->target = named ? trim_blanks(bytes_slice(rest, 0, at)) : rest;
    return true;
}

static bool read_status_line(struct http_message *m, const char **ret_error)
{
    struct bytes rest = m->line;
    m->response_protocol = read_word(&rest);
    m->status = read_word(&rest);
    m->reason = rest;
    bool ok = has_prefix(m->response_protocol, "HTTP/") && m->status.len == 3;
    for (size_t i = 0; ok && i < 3; i++)
        ok = m->status.at[i] >= '0' && m->status.at[i] <= '9';
    if (!ok)
        *ret_error = "the first line is not `PROTOCOL STATUS REASON`";
    return ok;
}

static bool add_header(struct http_message *m, struct bytes line, size_t *capacity, struct arena *a, const char **ret_error)
{
    if (m->header_count == HTTP_HEADERS_MAX) {
        *ret_error = "more header lines than are read";
        return false;
    }
    const uint8_t *colon = memchr(line.at, ':', line.len);
    if (!colon) {
        *ret_error = "a header line without a colon";
        return false;
    }
    struct http_header *grown = arena_grow(a, m->headers, m->header_count, capacity, sizeof *grown);
    if (!grown) {
        *ret_error = http_no_memory;
        return false;
    }
    size_t at = (size_t)(colon - line.at);
    m->headers = grown;
    grown[m->header_count++] = (struct http_header){bytes_slice(line, 0, at), trim_blanks(bytes_slice(line, at + 1, line.len))};
    return true;
}

/* The value of the last header, once it has been folded; grows by doubling, so that folding again is not a copy of all. */
struct unfolded {
    uint8_t *at;
    size_t capacity;
};

/* A line that begins with a blank continues the value before it (obs-fold, RFC 9112, 5.2): one blank in its place. */
static bool fold_header(struct http_message *m, struct bytes line, struct unfolded *u, struct arena *a, const char **ret_error)
{
    struct bytes more = trim_blanks(line);
    *ret_error = "the first header line begins with a blank";
    if (!m->header_count)
        return false;
    struct bytes *value = &m->headers[m->header_count - 1].value;
    size_t len = value->len + 1 + more.len;
    *ret_error = http_no_memory;
    if (len > u->capacity) {
        uint8_t *larger = arena_alloc(a, len * 2);
        if (!larger)
            return false;
        if (value->len)
            memcpy(larger, value->at, value->len);
        *u = (struct unfolded){larger, len * 2};
    }
    u->at[value->len] = ' ';
    if (more.len)
        memcpy(u->at + value->len + 1, more.at, more.len);
    *value = bytes_of(u->at, len);
    return true;
}

static bool read_headers(struct cursor *c, struct http_message *m, struct arena *a, const char **ret_error)
{
    size_t capacity = 0;
    struct unfolded last = {0};
    struct bytes line;
    while (read_line(c, &line) && line.len) {
        bool fold = is_blank(line.at[0]);
        if (!(fold ? fold_header(m, line, &last, a, ret_error) : add_header(m, line, &capacity, a, ret_error)))
            return false;
        if (!fold)
            last = (struct unfolded){0};
    }
    return true;
}

/* The size of a chunk before its extensions; false when there is none, or it is beyond what is left. */
static bool read_chunk_size(struct bytes line, size_t most, size_t *ret)
{
    size_t n = 0, i = 0;
    for (int digit; i < line.len && (digit = hex_value(line.at[i])) >= 0; i++) {
        n = n * 16 + (size_t)digit;
        if (n > most)
            return false;
    }
    *ret = n;
    return i > 0;
}

/* The chunks put together. False: not chunks, or cut short. */
static bool read_chunks(struct cursor *c, struct arena *a, struct bytes *ret, const char **ret_error)
{
    uint8_t *whole = arena_alloc(a, cursor_left(c));
    size_t len = 0, size;
    struct bytes line, chunk;
    *ret_error = http_no_memory;
    if (!whole)
        return false;
    *ret_error = "a chunk of the body is broken or cut short";
    while (read_line(c, &line) && read_chunk_size(line, cursor_left(c), &size)) {
        if (size == 0) {
            *ret = bytes_of(whole, len);
            return true;
        }
        if (!cursor_read(c, size, &chunk) || !read_line(c, &line) || line.len)
            return false;
        memcpy(whole + len, chunk.at, chunk.len);
        len += chunk.len;
    }
    return false;
}

static bool value_has_token(struct bytes value, const char *token)
{
    for (size_t i = 0; i < value.len; i++)
        if (bytes_begin_caseless(bytes_slice(value, i, value.len), bytes_of_text(token)))
            return true;
    return false;
}

static bool read_body(struct cursor *c, struct http_message *m, struct arena *a, const char **ret_error)
{
    const struct http_header *coding = http_header_find(m, "Transfer-Encoding");
    if (coding && value_has_token(coding->value, "chunked") && cursor_left(c))
        return read_chunks(c, a, &m->body, ret_error);
    return cursor_read(c, cursor_left(c), &m->body);
}

static bool read_message(struct bytes raw, bool (*first_line)(struct http_message *, const char **), struct arena *a, struct http_message *ret, const char **ret_error)
{
    struct cursor c = cursor_over(raw);
    *ret = (struct http_message){0};
    *ret_error = "the message is empty";
    /* Empty lines before a message are passed over (RFC 9112, 2.2). */
    while (read_line(&c, &ret->line))
        if (ret->line.len)
            return first_line(ret, ret_error) && read_headers(&c, ret, a, ret_error) && read_body(&c, ret, a, ret_error);
    return false;
}

bool http_request_read(struct bytes raw, struct arena *a, struct http_message *ret, const char **ret_error)
{
    return read_message(raw, read_request_line, a, ret, ret_error);
}

bool http_response_read(struct bytes raw, struct arena *a, struct http_message *ret, const char **ret_error)
{
    return read_message(raw, read_status_line, a, ret, ret_error);
}

const struct http_header *http_header_find(const struct http_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (bytes_equal_caseless(m->headers[i].name, bytes_of_text(name)))
            return &m->headers[i];
    return NULL;
}
