/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction begins with: the request's line and headers become variables. */

#include "waf/engine/transaction.h"

#include "waf/operator/number.h"

#define LIMITS_MAX 100

void limit_passed(struct waf_transaction *t, const char *what)
{
    for (size_t i = 0; i < t->outcome.limit_count; i++)
        if (strcmp(t->outcome.limits[i], what) == 0)
            return;
    const char **grown = t->outcome.limit_count < LIMITS_MAX ? arena_grow(t->arena, t->limits, t->outcome.limit_count, &t->limit_capacity, sizeof *grown) : NULL;
    if (!grown) {
        t->out_of_memory = true;
        return;
    }
    t->outcome.limits = t->limits = grown;
    grown[t->outcome.limit_count++] = what;
}

bool transaction_tell_rules(struct waf_transaction *t, uint32_t known)
{
    return values_lend_known(&t->lists[VARIABLE_TX], VARIABLE_TX, known, t->program->names.items[known].text, bytes_of_text("1"), t->arena);
}

bool need(struct waf_transaction *t, bool ok)
{
    if (!ok)
        t->out_of_memory = true;
    return ok;
}

void set_number(struct waf_transaction *t, uint8_t variable, size_t n)
{
    (void)need(t, bytes_of_number((int64_t)n, t->arena, &t->scalars[variable]));
}

void set_text(struct waf_transaction *t, uint8_t variable, const char *text)
{
    t->scalars[variable] = bytes_of_text(text);
}

struct waf_value value_of(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value)
{
    struct waf_value v = {.variable = variable, .name = name.at ? name : bytes_of("", 0), .value = value}; /* an empty name is a name */
    v.hash = name_hash(v.name);
    v.form = form_new(&t->forms, v.value);
    v.name_form = form_new(&t->forms, v.name);
    (void)need(t, v.form && v.name_form);
    return v;
}

void add_value(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value)
{
    (void)need(t, values_add_hashed(&t->lists[variable], value_of(t, variable, name, value), t->arena));
}

struct waf_transaction *transaction_begin(const struct waf_program *p, struct arena *a, const struct waf_options *o)
{
    static const uint8_t zeros[] = {VARIABLE_URLENCODED_ERROR, VARIABLE_REQBODY_ERROR, VARIABLE_REQBODY_PROCESSOR_ERROR, VARIABLE_INBOUND_DATA_ERROR,
        VARIABLE_OUTBOUND_DATA_ERROR, VARIABLE_ARGS_COMBINED_SIZE, VARIABLE_FILES_COMBINED_SIZE};
    struct waf_transaction *t = arena_alloc(a, sizeof *t);
    if (!t || !values_know(&t->lists[VARIABLE_TX], &p->names, a))
        return NULL;
    t->program = p;
    t->set = p->set;
    t->arena = a;
    t->options = *o;
    t->time_first = o->duration ? o->duration(o->argument) : 0;
    t->forms = (struct form_maker){p->plan, p->unicode, a};
    t->engine = p->set->settings.rule_engine;
    t->request_access = p->set->settings.request_body_access;
    t->response_access = p->set->settings.response_body_access;
    t->highest_severity = 255;
    t->judged = TEXT_ANY;
    for (size_t i = 0; i < sizeof zeros; i++)
        set_text(t, zeros[i], "0");
    t->scalars[VARIABLE_REMOTE_ADDR] = t->scalars[VARIABLE_REMOTE_HOST] = o->client;
    t->scalars[VARIABLE_SERVER_ADDR] = o->server;
    set_number(t, VARIABLE_REMOTE_PORT, o->client_port);
    set_number(t, VARIABLE_SERVER_PORT, o->server_port);
    t->scalars[VARIABLE_UNIQUE_ID] = o->unique_id;
    t->scalars[VARIABLE_WEBAPPID] = waf_text_bytes(p->set, p->set->settings.web_app_id);
    return t;
}

/* ---- the request line and its arguments */

size_t index_of(struct bytes b, uint8_t c)
{
    const uint8_t *at = b.len ? memchr(b.at, c, b.len) : NULL;
    return at ? (size_t)(at - b.at) : b.len;
}

/* %XX decoded, everything else as it is: a `+` of a path is no blank. */
static struct bytes decode_uri(struct waf_transaction *t, struct bytes uri)
{
    if (index_of(uri, '%') == uri.len)
        return uri;
    uint8_t *out = arena_alloc(t->arena, uri.len);
    size_t len = 0;
    if (!need(t, out != NULL))
        return uri;
    for (size_t i = 0; i < uri.len; i++) {
        int high = i + 2 < uri.len && uri.at[i] == '%' ? hex_value(uri.at[i + 1]) : -1, low = high >= 0 ? hex_value(uri.at[i + 2]) : -1;
        out[len++] = low >= 0 ? (uint8_t)(high << 4 | low) : uri.at[i];
        i += low >= 0 ? 2 : 0;
    }
    return bytes_of(out, len);
}

/* A target with scheme and host (RFC 9112, 3.2.2) without them. */
static struct bytes without_host(struct bytes uri)
{
    size_t colon = index_of(uri, ':');
    if (!uri.len || uri.at[0] == '/' || colon == uri.len)
        return uri;
    struct bytes rest = bytes_slice(uri, colon + 1, uri.len);
    if (rest.len < 2 || memcmp(rest.at, "//", 2) != 0)
        return uri;
    struct bytes authority = bytes_slice(rest, 2, rest.len);
    size_t path = index_of(authority, '/');
    return path == authority.len ? uri : bytes_slice(authority, path, authority.len);
}

static struct bytes basename_of(struct bytes path)
{
    size_t at = path.len;
    while (at && path.at[at - 1] != '/' && path.at[at - 1] != '\\')
        at--;
    return at && at < path.len ? bytes_slice(path, at, path.len) : (struct bytes){0};
}

static void take_target(struct waf_transaction *t, struct bytes raw)
{
    struct bytes uri = bytes_slice(raw, 0, index_of(raw, '#')), decoded = decode_uri(t, uri);
    struct bytes path = bytes_slice(decoded, 0, index_of(decoded, '?'));
    t->scalars[VARIABLE_REQUEST_URI_RAW] = raw;
    t->scalars[VARIABLE_REQUEST_URI] = without_host(decoded);
    t->scalars[VARIABLE_PATH_INFO] = t->scalars[VARIABLE_REQUEST_FILENAME] = path;
    t->scalars[VARIABLE_REQUEST_BASENAME] = basename_of(path);
    t->scalars[VARIABLE_QUERY_STRING] = bytes_slice(uri, index_of(uri, '?') + 1, uri.len);
    add_arguments(t, VARIABLE_ARGS_GET, t->scalars[VARIABLE_QUERY_STRING]);
}

/* ---- headers */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct bytes trim_start(struct bytes b)
{
    while (b.len && is_space(b.at[0]))
        b = bytes_slice(b, 1, b.len);
    return b;
}

static struct bytes trim_end(struct bytes b)
{
    while (b.len && is_space(b.at[b.len - 1]))
        b.len--;
    return b;
}

static void take_cookies(struct waf_transaction *t, struct bytes value)
{
    for (size_t at = 0; at < value.len;) {
        struct bytes rest = bytes_slice(value, at, value.len);
        size_t len = index_of(rest, ';');
        struct bytes pair = bytes_slice(rest, 0, len);
        if (len == rest.len)
            pair = trim_end(pair);
        size_t equals = index_of(pair, '=');
        struct bytes name = trim_start(bytes_slice(pair, 0, equals));
        if (name.len)
            add_value(t, VARIABLE_REQUEST_COOKIES, name, bytes_slice(pair, equals + 1, pair.len));
        at += len + 1;
    }
}

static bool starts_with(struct bytes b, const char *prefix)
{
    return bytes_begin_caseless(b, bytes_of_text(prefix));
}

static void take_content_type(struct waf_transaction *t, struct bytes value)
{
    if (starts_with(value, "multipart/form-data")) {
        t->parsed = true;
        t->body = BODY_MULTIPART;
        set_text(t, VARIABLE_REQBODY_PROCESSOR, "MULTIPART");
    }
    if (starts_with(value, "application/x-www-form-urlencoded")) {
        t->parsed = true;
        t->body = BODY_URLENCODED;
        set_text(t, VARIABLE_REQBODY_PROCESSOR, "URLENCODED");
    }
}

static void take_request_header(struct waf_transaction *t, const struct http_header *h)
{
    add_value(t, VARIABLE_REQUEST_HEADERS, h->name, h->value);
    if (names_equal(h->name, bytes_of_text("authorization")))
        t->scalars[VARIABLE_AUTH_TYPE] = bytes_slice(h->value, 0, index_of(h->value, ' '));
    else if (names_equal(h->name, bytes_of_text("cookie")))
        take_cookies(t, h->value);
    else if (names_equal(h->name, bytes_of_text("content-type")))
        take_content_type(t, h->value);
    else if (names_equal(h->name, bytes_of_text("host")))
        t->scalars[VARIABLE_SERVER_NAME] = bytes_slice(h->value, 0, index_of(h->value, ':'));
}

void take_request_head(struct waf_transaction *t, const struct http_message *m)
{
    t->scalars[VARIABLE_REQUEST_METHOD] = m->method;
    t->scalars[VARIABLE_REQUEST_PROTOCOL] = m->protocol;
    t->scalars[VARIABLE_REQUEST_LINE] = m->line;
    t->request.headers = m->headers;
    t->request.header_count = m->header_count;
    take_target(t, m->target);
    for (size_t i = 0; i < m->header_count; i++)
        take_request_header(t, &m->headers[i]);
}

int64_t transaction_number(struct waf_transaction *t, const char *tx_name)
{
    const struct waf_value *v = values_find(&t->lists[VARIABLE_TX], bytes_of_text(tx_name));
    return v ? number_of(v->value) : 0;
}
