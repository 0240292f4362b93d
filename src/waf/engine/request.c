/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a transaction: what the request says becomes variables, and each phase is run when they are there. */
#include <strings.h>

#include "waf/engine/transaction.h"

#include "waf/body/urlencoded.h"
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

void add_value(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value)
{
    const struct waf_plan *plan = t->program->plan;
    struct waf_value v = {.variable = variable, .name = name.at ? name : bytes_of("", 0), .value = value}; /* an empty name is a name */
    if (plan) {
        v.calm = ~plan_triggers(plan, v.value);
        v.name_calm = ~plan_triggers(plan, v.name);
    }
    (void)need(t, values_add(&t->lists[variable], v, t->arena));
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
    t->engine = p->set->settings.rule_engine;
    t->request_access = p->set->settings.request_body_access;
    t->response_access = p->set->settings.response_body_access;
    t->highest_severity = 255;
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

/* Which list the arguments of a body, or of the query, also go to. */
struct arguments {
    struct waf_transaction *transaction;
    uint8_t list;
};

static const char *limit_text(enum body_limit limit)
{
    static const char *const texts[BODY_LIMIT_COUNT] = {
        [BODY_LIMIT_ARGUMENTS] = "more arguments than SecArgumentsLimit; the rest was not inspected",
        [BODY_LIMIT_ARGUMENT_BYTES] = "the arguments are too long together; the rest of the body was not inspected",
        [BODY_LIMIT_DEPTH] = "the body is nested too deep; the rest was not inspected",
        [BODY_LIMIT_FILES] = "more files than SecUploadFileLimit",
        [BODY_LIMIT_PARTS] = "more parts than are read; the rest of the body was not inspected",
        [BODY_LIMIT_PART_HEADERS] = "a part has more headers than are read; the rest of the body was not inspected",
        [BODY_LIMIT_NO_FILES] = "the body without its files is larger than SecRequestBodyNoFilesLimit",
        [BODY_LIMIT_ENTITIES] = "entities of XML were not followed",
        [BODY_LIMIT_MARKUP] = "XML has a tag, a comment or declarations larger than are read; the rest of the body was not inspected",
    };
    return texts[limit];
}

static void take_argument(struct waf_transaction *t, uint8_t list, const struct body_event *e)
{
    uint64_t most = t->set->settings.arguments_limit;
    if (most && t->lists[VARIABLE_ARGS].count >= most) {
        limit_passed(t, limit_text(BODY_LIMIT_ARGUMENTS));
        return;
    }
    add_value(t, VARIABLE_ARGS, e->name, e->value);
    if (list == VARIABLE_ARGS_GET || t->body != BODY_JSON) /* members of JSON are in ARGS alone, as in ModSecurity */
        add_value(t, list, e->name, e->value);
    set_number(t, VARIABLE_ARGS_COMBINED_SIZE, (size_t)number_of(t->scalars[VARIABLE_ARGS_COMBINED_SIZE]) + e->name.len + e->value.len);
}

static void take_file(struct waf_transaction *t, const struct body_event *e)
{
    struct bytes size;
    if (!need(t, bytes_of_number((int64_t)e->number, t->arena, &size)))
        return;
    add_value(t, VARIABLE_FILES, e->name, e->value);
    add_value(t, VARIABLE_FILES_NAMES, e->name, e->name);
    add_value(t, VARIABLE_FILES_SIZES, e->name, size);
    set_number(t, VARIABLE_FILES_COMBINED_SIZE, (size_t)number_of(t->scalars[VARIABLE_FILES_COMBINED_SIZE]) + e->number);
}

static void take_flag(struct waf_transaction *t, const struct body_event *e)
{
    static const uint8_t variables[BODY_FLAG_COUNT] = {
        [BODY_FLAG_URLENCODED_ERROR] = VARIABLE_URLENCODED_ERROR,
        [BODY_FLAG_STRICT_ERROR] = VARIABLE_MULTIPART_STRICT_ERROR,
        [BODY_FLAG_BOUNDARY_QUOTED] = VARIABLE_MULTIPART_BOUNDARY_QUOTED,
        [BODY_FLAG_BOUNDARY_WHITESPACE] = VARIABLE_MULTIPART_BOUNDARY_WHITESPACE,
        [BODY_FLAG_DATA_BEFORE] = VARIABLE_MULTIPART_DATA_BEFORE,
        [BODY_FLAG_DATA_AFTER] = VARIABLE_MULTIPART_DATA_AFTER,
        [BODY_FLAG_HEADER_FOLDING] = VARIABLE_MULTIPART_HEADER_FOLDING,
        [BODY_FLAG_LF_LINE] = VARIABLE_MULTIPART_LF_LINE,
        [BODY_FLAG_CRLF_LF_LINES] = VARIABLE_MULTIPART_CRLF_LF_LINES,
        [BODY_FLAG_MISSING_SEMICOLON] = VARIABLE_MULTIPART_MISSING_SEMICOLON,
        [BODY_FLAG_INVALID_QUOTING] = VARIABLE_MULTIPART_INVALID_QUOTING,
        [BODY_FLAG_INVALID_PART] = VARIABLE_MULTIPART_INVALID_PART,
        [BODY_FLAG_INVALID_HEADER_FOLDING] = VARIABLE_MULTIPART_INVALID_HEADER_FOLDING,
        [BODY_FLAG_FILE_LIMIT_EXCEEDED] = VARIABLE_MULTIPART_FILE_LIMIT_EXCEEDED,
        [BODY_FLAG_UNMATCHED_BOUNDARY] = VARIABLE_MULTIPART_UNMATCHED_BOUNDARY,
    };
    set_number(t, variables[e->flag], e->number);
    if (e->flag == BODY_FLAG_MISSING_SEMICOLON) /* its other name */
        set_number(t, VARIABLE_MULTIPART_SEMICOLON_MISSING, e->number);
}

static void body_error(struct waf_transaction *t, struct bytes message)
{
    set_text(t, VARIABLE_REQBODY_ERROR, "1");
    set_text(t, VARIABLE_REQBODY_PROCESSOR_ERROR, "1");
    t->scalars[VARIABLE_REQBODY_ERROR_MSG] = t->scalars[VARIABLE_REQBODY_PROCESSOR_ERROR_MSG] = message;
}

static bool take_event(void *context, const struct body_event *e)
{
    const struct arguments *a = context;
    struct waf_transaction *t = a->transaction;
    switch (e->kind) {
    case BODY_ARGUMENT:
        take_argument(t, a->list, e);
        break;
    case BODY_FILE:
        take_file(t, e);
        break;
    case BODY_PART_HEADER:
        add_value(t, VARIABLE_MULTIPART_PART_HEADERS, e->name, e->value);
        break;
    case BODY_MULTIPART_NAME:
        add_value(t, VARIABLE_MULTIPART_NAME, e->value, e->value);
        break;
    case BODY_MULTIPART_FILENAME:
        add_value(t, VARIABLE_MULTIPART_FILENAME, e->value, e->value);
        break;
    case BODY_XML_CONTENT:
        add_value(t, VARIABLE_XML, bytes_of_text("/*"), e->value);
        break;
    case BODY_XML_ATTRIBUTE:
        add_value(t, VARIABLE_XML, bytes_of_text("//@*"), e->value);
        break;
    case BODY_FLAG:
        take_flag(t, e);
        break;
    case BODY_LIMIT:
        limit_passed(t, limit_text(e->limit));
        break;
    case BODY_ERROR:
        body_error(t, e->value);
        break;
    }
    return !t->out_of_memory;
}

/* Bounds that no rule set loosens: a body of some megabytes must not become gigabytes of names. */
#define ARGUMENT_BYTES_MAX ((size_t)64 << 20)
#define PARTS_MAX 10000

static struct body_limits limits_of(const struct waf_transaction *t)
{
    const struct waf_settings *s = &t->set->settings;
    size_t had = t->lists[VARIABLE_ARGS].count;
    return (struct body_limits){
        .arguments = !s->arguments_limit ? 0 : s->arguments_limit > had ? (size_t)s->arguments_limit - had : 1,
        .argument_bytes = ARGUMENT_BYTES_MAX,
        .depth = (size_t)s->request_body_json_depth_limit,
        .parts = PARTS_MAX,
        .no_files = (size_t)s->request_body_no_files_limit,
        .peers_lines = false, /* ModSecurity leaves line ends out of a value, so that `union\r\nselect` gets by */
        .separator = s->argument_separator,
    };
}

static void add_arguments(struct waf_transaction *t, uint8_t list, struct bytes text)
{
    struct body_limits limits = limits_of(t);
    struct arguments a = {t, list};
    if (text.len)
        (void)need(t, urlencoded_split(text, &limits, (struct body_sink){take_event, &a}, t->arena) != BODY_STOPPED);
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
    return b.len >= strlen(prefix) && strncasecmp((const char *)b.at, prefix, strlen(prefix)) == 0;
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

/* ---- bodies */

bool body_passed(struct waf_transaction *t, uint8_t action, uint8_t error_variable, const char *what, const char *what_of_partial, struct bytes *body)
{
    set_text(t, error_variable, "1");
    if (action == LIMIT_PROCESS_PARTIAL) {
        limit_passed(t, what_of_partial);
        return false;
    }
    limit_passed(t, what);
    *body = (struct bytes){0};
    return t->engine == SWITCH_ON;
}

bool bound_body(struct waf_transaction *t, struct bytes body, uint64_t limit, uint8_t action, uint8_t error_variable, struct bytes *ret)
{
    *ret = body;
    if (!limit || body.len <= limit)
        return false;
    *ret = bytes_slice(body, 0, (size_t)limit);
    return body_passed(t, action, error_variable, "the body is larger than its limit", "the body is larger than its limit; what lies behind it was not inspected", ret);
}

void refuse(struct waf_transaction *t, uint8_t phase, int status)
{
    t->outcome.decision = WAF_DENY;
    t->outcome.phase = phase;
    t->outcome.status = status;
}

bool is_refused(const struct waf_transaction *t)
{
    return t->outcome.decision == WAF_DENY || t->outcome.decision == WAF_DROP || t->outcome.decision == WAF_REDIRECT;
}

/* All of it at once: it is there. */
static void parse_structured(struct waf_transaction *t)
{
    struct body_limits limits = limits_of(t);
    struct arguments a = {t, VARIABLE_ARGS_POST};
    const struct waf_value *type = values_find(&t->lists[VARIABLE_REQUEST_HEADERS], bytes_of_text("Content-Type"));
    struct body *b = body_begin(t->body, type ? type->value : (struct bytes){0}, &limits, (struct body_sink){take_event, &a}, t->arena);
    if (!need(t, b != NULL))
        return;
    (void)need(t, body_feed(b, t->request_body) != BODY_STOPPED);
    if (!t->out_of_memory)
        (void)need(t, body_end(b) != BODY_STOPPED);
    body_release(b);
}

static void parse_request_body(struct waf_transaction *t)
{
    uint64_t limit = t->set->settings.request_body_no_files_limit;
    if (!t->parsed)
        return;
    if (t->body != BODY_MULTIPART && limit && t->request_body.len > limit) {
        set_text(t, VARIABLE_REQBODY_ERROR, "1");
        set_text(t, VARIABLE_REQBODY_ERROR_MSG, "Request body excluding files is bigger than the maximum expected.");
        set_text(t, VARIABLE_INBOUND_DATA_ERROR, "1");
        limit_passed(t, "the body is larger than SecRequestBodyNoFilesLimit; its parts were not inspected");
        return;
    }
    if (t->body == BODY_URLENCODED)
        add_arguments(t, VARIABLE_ARGS_POST, t->request_body);
    else
        parse_structured(t);
}

static void set_full_request(struct waf_transaction *t, const struct http_message *m)
{
    size_t len = 2 + t->request_body.len;
    for (size_t i = 0; i < m->header_count; i++)
        len += m->headers[i].name.len + 2 + m->headers[i].value.len + 1;
    uint8_t *whole = arena_alloc(t->arena, len), *at = whole;
    if (!need(t, whole != NULL))
        return;
    for (size_t i = 0; i < m->header_count; i++) {
        const struct http_header *h = &m->headers[i];
        if (h->name.len)
            at = mempcpy(at, h->name.at, h->name.len);
        at = mempcpy(at, ": ", 2);
        if (h->value.len)
            at = mempcpy(at, h->value.at, h->value.len);
        *at++ = '\n';
    }
    at = mempcpy(at, "\n\n", 2);
    if (t->request_body.len)
        memcpy(at, t->request_body.at, t->request_body.len);
    t->scalars[VARIABLE_FULL_REQUEST] = bytes_of(whole, len);
    set_number(t, VARIABLE_FULL_REQUEST_LENGTH, len);
}

/* Compressed bytes are looked at as they are, as libmodsecurity does, and it is said. */
static void note_coding(struct waf_transaction *t)
{
    const struct waf_value *coding = values_find(&t->lists[VARIABLE_REQUEST_HEADERS], bytes_of_text("Content-Encoding"));
    if (coding && !names_equal(coding->value, bytes_of_text("identity")))
        limit_passed(t, "the request's body is compressed: it was inspected as it is");
}

static void inspect_request_body(struct waf_transaction *t, const struct http_message *m)
{
    const struct waf_settings *s = &t->set->settings;
    if (bound_body(t, m->body, s->request_body_limit, s->request_body_limit_action, VARIABLE_INBOUND_DATA_ERROR, &t->request_body)) {
        refuse(t, 2, 403);
        return;
    }
    if (t->request_body.len)
        note_coding(t);
    parse_request_body(t);
    if (t->request_access != SWITCH_ON) {
        if (m->body.len)
            limit_passed(t, "SecRequestBodyAccess is off: the request's body was not inspected");
        return;
    }
    set_full_request(t, m);
    /* Of XML the parts are looked at (the reference manual: REQUEST_BODY is there when the body is urlencoded, or forced);
     * libmodsecurity fills it for XML alone of those that it parses otherwise, and rules for text alarm on the markup. */
    if (!t->parsed || t->body != BODY_XML || t->force_body_variable)
        t->scalars[VARIABLE_REQUEST_BODY] = t->request_body;
    if (t->request_body.len)
        set_number(t, VARIABLE_REQUEST_BODY_LENGTH, t->request_body.len);
    evaluate_phase(t, 2);
}

static void run_request(struct waf_transaction *t, const struct http_message *m)
{
    t->scalars[VARIABLE_REQUEST_METHOD] = m->method;
    t->scalars[VARIABLE_REQUEST_PROTOCOL] = m->protocol;
    t->scalars[VARIABLE_REQUEST_LINE] = m->line;
    take_target(t, m->target);
    for (size_t i = 0; i < m->header_count; i++)
        take_request_header(t, &m->headers[i]);
    if (t->engine == SWITCH_OFF)
        return;
    evaluate_phase(t, 1);
    if (!is_refused(t) && t->engine != SWITCH_OFF)
        inspect_request_body(t, m);
}

void transaction_request(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m)
{
    step_begin(t, scratch);
    run_request(t, m);
    step_end(t);
}

/* ---- the end */

static void end_out_of_memory(struct waf_transaction *t)
{
    static const char *const why[] = {"the transaction's memory ran out: what was not judged yet is refused"};
    refuse(t, t->phase, 413);
    t->outcome.limits = why;
    t->outcome.limit_count = 1;
}

static void end_out_of_time(struct waf_transaction *t)
{
    limit_passed(t, "the rules' time ran out: what was not judged yet was not inspected");
    if (t->engine == SWITCH_ON && !is_refused(t))
        refuse(t, t->phase, 403);
}

const struct waf_outcome *transaction_end(struct waf_transaction *t, struct waf_scratch *scratch)
{
    enum waf_decision decided = t->outcome.decision;
    int status = t->outcome.status;
    uint8_t phase = t->outcome.phase;
    step_begin(t, scratch);
    if (t->engine != SWITCH_OFF && !t->out_of_memory)
        evaluate_phase(t, 5);
    step_end(t);
    t->outcome.environment = t->lists[VARIABLE_ENV].items;
    t->outcome.environment_count = t->lists[VARIABLE_ENV].count;
    sanitise_outcome(t);
    if (decided != WAF_PASS) { /* phase 5 keeps records: it decides nothing over */
        t->outcome.decision = decided;
        t->outcome.status = status;
        t->outcome.phase = phase;
    }
    if (t->out_of_time)
        end_out_of_time(t);
    else if (t->out_of_memory)
        end_out_of_memory(t);
    if (t->outcome.decision == WAF_PASS && t->allowed != ALLOWED_NOTHING)
        t->outcome.decision = WAF_ALLOW;
    return &t->outcome;
}

int64_t transaction_number(struct waf_transaction *t, const char *tx_name)
{
    const struct waf_value *v = values_find(&t->lists[VARIABLE_TX], bytes_of_text(tx_name));
    return v ? number_of(v->value) : 0;
}
