/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/sketch.h"

#define MESSAGE_MAX ((size_t)4 << 20)
#define BOUNDARY    "----example"

struct sketch sketch_new(struct arena *a)
{
    struct sketch d = {.arena = a, .method = bytes_of_text("GET"), .path = bytes_of_text("/"), .protocol = bytes_of_text("HTTP/1.1"),
        .status = bytes_of_text("200")};
    sketch_add(&d, &d.headers, bytes_of_text("Host"), bytes_of_text("shop.example"));
    sketch_add(&d, &d.headers, bytes_of_text("User-Agent"), bytes_of_text("Mozilla/5.0"));
    sketch_add(&d, &d.headers, bytes_of_text("Accept"), bytes_of_text("*/*"));
    return d;
}

void sketch_add(struct sketch *d, struct sketch_pairs *to, struct bytes name, struct bytes value)
{
    struct sketch_pair *grown = arena_grow(d->arena, to->items, to->count, &to->capacity, sizeof *grown);
    if (!grown) {
        d->failed = true;
        return;
    }
    to->items = grown;
    grown[to->count++] = (struct sketch_pair){name, value};
}

static bool has(const struct sketch_pairs *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (bytes_equal_caseless(p->items[i].name, bytes_of_text(name)))
            return true;
    return false;
}

void sketch_header(struct sketch *d, struct bytes name, struct bytes value)
{
    struct sketch_pairs old = d->headers;
    d->headers = (struct sketch_pairs){0}; /* copies of the sketch may still have the old list */
    for (size_t i = 0; i < old.count; i++)
        if (!bytes_equal_caseless(old.items[i].name, name))
            sketch_add(d, &d->headers, old.items[i].name, old.items[i].value);
    sketch_add(d, &d->headers, name, value);
}

struct bytes sketch_keep(struct sketch *d, struct text *t)
{
    char *copy = t->failed ? NULL : arena_text(d->arena, text_cstr(t), t->len);
    size_t len = t->len;
    text_free(t);
    if (!copy)
        d->failed = true;
    return copy ? bytes_of(copy, len) : (struct bytes){0};
}

static void put(struct text *out, struct bytes b)
{
    if (b.len)
        text_append(out, b.at, b.len);
}

struct bytes sketch_join(struct sketch *d, struct bytes a, struct bytes b)
{
    struct text t = text_new(MESSAGE_MAX);
    put(&t, a);
    put(&t, b);
    return sketch_keep(d, &t);
}

static void write_pairs(const struct sketch_pairs *p, const char *between, struct text *out)
{
    for (size_t i = 0; i < p->count; i++) {
        text_puts(out, i ? between : "");
        put(out, p->items[i].name);
        text_puts(out, "=");
        put(out, p->items[i].value);
    }
}

static void write_parts(const struct sketch *d, struct text *out)
{
    for (size_t i = 0; i < d->parts.count; i++) {
        text_puts(out, "--" BOUNDARY "\r\n");
        put(out, d->parts.items[i].name);
        text_puts(out, "\r\n\r\n");
        put(out, d->parts.items[i].value);
        text_puts(out, "\r\n");
    }
    text_puts(out, "--" BOUNDARY "--\r\n");
}

static struct bytes write_body(struct sketch *d)
{
    struct text t = text_new(MESSAGE_MAX);
    if (d->body == SKETCH_FORM)
        write_pairs(&d->form, "&", &t);
    else if (d->body == SKETCH_MULTIPART)
        write_parts(d, &t);
    else if (d->body != SKETCH_NO_BODY)
        put(&t, d->raw);
    return sketch_keep(d, &t);
}

static void write_line(const struct sketch *d, struct text *out)
{
    if (d->line.at) {
        put(out, d->line);
        text_puts(out, "\r\n");
        return;
    }
    put(out, d->method);
    text_puts(out, " ");
    put(out, d->path);
    if (d->query.at || d->arguments.count)
        text_puts(out, "?");
    put(out, d->query);
    if (!d->query.at)
        write_pairs(&d->arguments, "&", out);
    text_puts(out, d->protocol.len ? " " : "");
    put(out, d->protocol);
    text_puts(out, "\r\n");
}

static void write_headers(const struct sketch_pairs *p, const struct sketch_pairs *without, struct text *out)
{
    for (size_t i = 0; i < p->count; i++) {
        bool left_out = false;
        for (size_t j = 0; j < without->count; j++)
            left_out = left_out || bytes_equal_caseless(without->items[j].name, p->items[i].name);
        if (left_out)
            continue;
        put(out, p->items[i].name);
        text_puts(out, ": ");
        put(out, p->items[i].value);
        text_puts(out, "\r\n");
    }
}

static void write_request(struct sketch *d, struct text *out)
{
    static const char *const types[] = {[SKETCH_FORM] = "application/x-www-form-urlencoded", [SKETCH_RAW] = "application/x-www-form-urlencoded",
        [SKETCH_JSON] = "application/json", [SKETCH_XML] = "text/xml", [SKETCH_MULTIPART] = "multipart/form-data; boundary=" BOUNDARY,
        [SKETCH_BROKEN] = "multipart/form-data; boundary=" BOUNDARY};
    struct bytes body = write_body(d);
    write_line(d, out);
    write_headers(&d->headers, &d->without, out);
    if (d->cookies.count && !has(&d->without, "Cookie")) {
        text_puts(out, "Cookie: ");
        write_pairs(&d->cookies, "; ", out);
        text_puts(out, "\r\n");
    }
    if (d->body != SKETCH_NO_BODY && !has(&d->headers, "Content-Type") && !has(&d->without, "Content-Type")) {
        text_puts(out, "Content-Type: ");
        put(out, d->content_type.at ? d->content_type : bytes_of_text(types[d->body]));
        text_puts(out, "\r\n");
    }
    if (d->body != SKETCH_NO_BODY && !has(&d->headers, "Content-Length") && !has(&d->headers, "Transfer-Encoding") && !has(&d->without, "Content-Length"))
        text_printf(out, "Content-Length: %zu\r\n", body.len);
    text_puts(out, "\r\n");
    put(out, body);
}

static void write_response(const struct sketch *d, struct text *out)
{
    const struct sketch_pairs none = {0};
    text_puts(out, "HTTP/1.1 ");
    put(out, d->status);
    text_puts(out, " Answer\r\n");
    if (!has(&d->response_headers, "Content-Type"))
        text_puts(out, "Content-Type: text/html\r\n");
    write_headers(&d->response_headers, &none, out);
    text_printf(out, "Content-Length: %zu\r\n\r\n", d->response_body.len);
    put(out, d->response_body);
}

bool sketch_write(struct sketch *d, struct bytes *ret_request, struct bytes *ret_response)
{
    struct text request = text_new(MESSAGE_MAX), response = text_new(MESSAGE_MAX);
    write_request(d, &request);
    *ret_request = sketch_keep(d, &request);
    if (d->answered)
        write_response(d, &response);
    *ret_response = sketch_keep(d, &response);
    return !d->failed;
}
