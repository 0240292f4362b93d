/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/example/slot.h"

#include "waf/example/encode.h"
#include "waf/operator/number.h"

#define FILLED_MAX 200000 /* bytes of what is only to be long */
#define IN_QUERY "-._~!$'()*,/:@?;"
#define IN_PATH  "-._~!$'()*,/:@;=&"

typedef bool put_function(struct sketch *d, const struct slot *p, struct bytes value);

static struct bytes name_or(const struct slot *p, const char *other)
{
    return p->name.len ? p->name : bytes_of_text(other);
}

static void send_body(struct sketch *d, enum sketch_body body)
{
    if (d->body == SKETCH_NO_BODY && bytes_equal(d->method, bytes_of_text("GET")))
        d->method = bytes_of_text("POST");
    d->body = body;
}

static bool put_raw(struct sketch *d, enum sketch_body body, struct bytes raw)
{
    send_body(d, body);
    d->raw = raw;
    return true;
}

static struct bytes filled(struct sketch *d, struct bytes number)
{
    int64_t n = number_of(number);
    struct text t = text_new(FILLED_MAX + 1);
    for (int64_t i = 0; i < n && i < FILLED_MAX; i++)
        text_puts(&t, "a");
    return sketch_keep(d, &t);
}

/* ---- arguments */

static void put_part(struct sketch *d, const char *format, struct bytes name, struct bytes content)
{
    struct text t = text_new(FILLED_MAX);
    text_puts(&t, "Content-Disposition: form-data; ");
    text_puts(&t, format);
    text_puts(&t, "\"");
    if (name.len)
        text_append(&t, name.at, name.len);
    text_puts(&t, "\"");
    send_body(d, SKETCH_MULTIPART);
    sketch_add(d, &d->parts, sketch_keep(d, &t), content);
}

static bool put_json(struct sketch *d, struct bytes name, struct bytes value)
{
    struct text t = text_new(FILLED_MAX);
    struct bytes key = encode_json(d, name), text = encode_json(d, value);
    text_printf(&t, "{\"%.*s\": \"", (int)key.len, (const char *)key.at);
    if (text.len)
        text_append(&t, text.at, text.len);
    text_puts(&t, "\"}");
    return put_raw(d, SKETCH_JSON, sketch_keep(d, &t));
}

static bool put_form(struct sketch *d, struct bytes name, struct bytes value)
{
    send_body(d, SKETCH_FORM);
    sketch_add(d, &d->form, encode_percent(d, name, IN_QUERY), encode_percent(d, value, IN_QUERY));
    return true;
}

static bool put_query(struct sketch *d, struct bytes name, struct bytes value)
{
    sketch_add(d, &d->arguments, encode_percent(d, name, IN_QUERY), encode_percent(d, value, IN_QUERY));
    return true;
}

static bool put_argument(struct sketch *d, const struct slot *p, struct bytes value)
{
    struct bytes name = name_or(p, "q");
    if (p->way == 0 && p->variable != VARIABLE_ARGS_POST)
        return put_query(d, name, value);
    if (p->way <= 1)
        return put_form(d, name, value);
    if (p->way == 3)
        return put_json(d, name, value);
    put_part(d, "name=", name, value);
    return true;
}

static bool put_argument_name(struct sketch *d, const struct slot *p, struct bytes value)
{
    return p->way == 0 && p->variable != VARIABLE_ARGS_POST_NAMES ? put_query(d, value, bytes_of_text("1")) : put_form(d, value, bytes_of_text("1"));
}

static bool put_arguments_size(struct sketch *d, const struct slot *p, struct bytes value)
{
    return put_form(d, bytes_of_text("q"), filled(d, value));
}

/* ---- the first line */

static bool put_query_string(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->query = p->way == 0 && encode_fits_word(value) ? value : encode_percent(d, value, IN_QUERY "=&%");
    return true;
}

static bool put_path(struct sketch *d, const struct slot *p, struct bytes value)
{
    bool slash = value.len && value.at[0] == '/';
    bool raw = p->way == 1;
    if (raw && (!encode_fits_word(value) || !value.len))
        return false;
    struct bytes path = raw ? value : encode_percent(d, value, p->variable == VARIABLE_REQUEST_URI_RAW ? IN_PATH "?%" : IN_PATH);
    d->path = slash || raw ? path : sketch_join(d, bytes_of_text(p->way == 2 ? "/?q=" : "/"), path);
    return true;
}

static bool put_line(struct sketch *d, const struct slot *p, struct bytes value)
{
    if (p->way != 0)
        return put_path(d, &(struct slot){.variable = VARIABLE_REQUEST_URI_RAW, .way = p->way - 1}, value);
    d->line = value;
    return value.len && encode_fits_header(value);
}

static bool put_method(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->method = value;
    return value.len && encode_fits_word(value);
}

static bool put_protocol(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->protocol = value;
    return encode_fits_word(value);
}

/* ---- headers */

static bool put_header(struct sketch *d, const struct slot *p, struct bytes value)
{
    struct bytes sent = p->way == 0 ? value : encode_percent(d, value, IN_QUERY "=& \"");
    sketch_header(d, name_or(p, "X-Example"), sent);
    return encode_fits_header(sent);
}

static bool put_header_name(struct sketch *d, const struct slot *p, struct bytes value)
{
    sketch_header(d, value, bytes_of_text("1"));
    return value.len && encode_fits_word(value) && !memchr(value.at, ':', value.len);
}

static bool put_cookie(struct sketch *d, const struct slot *p, struct bytes value)
{
    struct bytes sent = p->way == 0 ? value : encode_percent(d, value, IN_QUERY);
    bool fits = encode_fits_header(sent) && (!sent.len || !memchr(sent.at, ';', sent.len));
    if (p->variable == VARIABLE_REQUEST_COOKIES_NAMES)
        sketch_add(d, &d->cookies, sent, bytes_of_text("1"));
    else
        sketch_add(d, &d->cookies, name_or(p, "sid"), sent);
    return fits;
}

static bool put_host(struct sketch *d, const struct slot *p, struct bytes value)
{
    sketch_header(d, bytes_of_text("Host"), value);
    return encode_fits_header(value);
}

static bool put_credentials(struct sketch *d, const struct slot *p, struct bytes value)
{
    sketch_header(d, bytes_of_text("Authorization"), sketch_join(d, value, bytes_of_text(" eA==")));
    return encode_fits_header(value);
}

static bool put_client(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->client = value;
    return value.len != 0;
}

/* ---- bodies */

static bool put_body(struct sketch *d, const struct slot *p, struct bytes value)
{
    if (p->way == 1)
        return put_form(d, bytes_of_text("q"), value);
    if (p->way == 2)
        return put_json(d, bytes_of_text("q"), value);
    return put_raw(d, SKETCH_RAW, value);
}

static bool put_body_length(struct sketch *d, const struct slot *p, struct bytes value)
{
    return put_raw(d, SKETCH_RAW, filled(d, value));
}

static bool put_file_name(struct sketch *d, const struct slot *p, struct bytes value)
{
    put_part(d, "name=\"file\"; filename=", value, bytes_of_text("x"));
    return encode_fits_header(value);
}

static bool put_part_name(struct sketch *d, const struct slot *p, struct bytes value)
{
    put_part(d, p->variable == VARIABLE_FILES_NAMES ? "filename=\"a.txt\"; name=" : "name=", value, bytes_of_text("x"));
    return encode_fits_header(value);
}

static bool put_file_size(struct sketch *d, const struct slot *p, struct bytes value)
{
    put_part(d, "name=\"file\"; filename=", bytes_of_text("a.txt"), filled(d, value));
    return true;
}

static bool put_file_content(struct sketch *d, const struct slot *p, struct bytes value)
{
    put_part(d, "name=\"file\"; filename=", bytes_of_text("a.txt"), value);
    return true;
}

static bool put_part_header(struct sketch *d, const struct slot *p, struct bytes value)
{
    struct bytes head = sketch_join(d, bytes_of_text("Content-Disposition: form-data; name=\""), name_or(p, "part"));
    head = sketch_join(d, head, bytes_of_text("\"\r\n"));
    bool header = value.len && memchr(value.at, ':', value.len);
    send_body(d, SKETCH_MULTIPART);
    sketch_add(d, &d->parts, sketch_join(d, header ? head : sketch_join(d, head, bytes_of_text("X-Part: ")), value), bytes_of_text("x"));
    return encode_fits_header(value);
}

static bool put_xml(struct sketch *d, const struct slot *p, struct bytes value)
{
    struct bytes text = encode_xml(d, value);
    bool attribute = bytes_equal(p->name, bytes_of_text("//@*"));
    struct bytes begin = bytes_of_text(attribute ? "<a b=\"" : "<a>"), end = bytes_of_text(attribute ? "\"/>" : "</a>");
    return put_raw(d, SKETCH_XML, sketch_join(d, sketch_join(d, begin, text), end));
}

static bool put_processor(struct sketch *d, const struct slot *p, struct bytes value)
{
    if (bytes_equal(value, bytes_of_text("JSON")))
        return put_json(d, bytes_of_text("q"), bytes_of_text("1"));
    if (bytes_equal(value, bytes_of_text("XML")))
        return put_raw(d, SKETCH_XML, bytes_of_text("<a/>"));
    if (bytes_equal(value, bytes_of_text("MULTIPART")))
        put_part(d, "name=", bytes_of_text("q"), bytes_of_text("1"));
    else if (bytes_equal(value, bytes_of_text("URLENCODED")))
        return put_form(d, bytes_of_text("q"), bytes_of_text("1"));
    else {
        d->content_type = bytes_of_text("text/plain");
        return put_raw(d, SKETCH_RAW, bytes_of_text("q=1"));
    }
    return true;
}

static bool put_broken_body(struct sketch *d, const struct slot *p, struct bytes value)
{
    return put_raw(d, SKETCH_JSON, bytes_of_text("{\"q\": "));
}

#define PART "Content-Disposition: form-data; name=\"q\"\r\n\r\n1\r\n"
#define LINE "------example"

static bool put_broken_multipart(struct sketch *d, const struct slot *p, struct bytes value)
{
    static const char *const bodies[] = {
        "before\r\n" LINE "\r\n" PART LINE "--\r\n",
        LINE "\r\n" PART LINE "--\r\nafter",
        LINE "\nContent-Disposition: form-data; name=\"q\"\n\n1\n" LINE "--\n",
        LINE "\r\nContent-Disposition: form-data;\r\n name=\"q\"\r\n\r\n1\r\n" LINE "--\r\n",
        LINE "\r\nContent-Disposition: form-data name=\"q\"\r\n\r\n1\r\n" LINE "--\r\n",
        LINE "\r\nContent-Disposition: form-data; name='q'\r\n\r\n1\r\n" LINE "--\r\n",
        LINE "\r\n" PART "------other\r\n" PART LINE "--\r\n",
        LINE "\r\n" PART LINE "x\r\n" PART LINE "--\r\n",
        LINE "\r\nX\r\n\r\n1\r\n" LINE "--\r\n",
        LINE "\r\n" PART,
    };
    return put_raw(d, SKETCH_BROKEN, bytes_of_text(bodies[p->way % (sizeof bodies / sizeof *bodies)]));
}

static bool put_broken_query(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->query = bytes_of_text("q=%zz");
    return true;
}

/* ---- the answer */

static bool put_response_body(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->answered = true;
    d->response_body = value;
    return true;
}

static bool put_status(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->answered = true;
    d->status = value;
    return value.len == 3;
}

static bool put_response_header(struct sketch *d, const struct slot *p, struct bytes value)
{
    d->answered = true;
    sketch_add(d, &d->response_headers, p->variable == VARIABLE_RESPONSE_CONTENT_TYPE ? bytes_of_text("Content-Type") : name_or(p, "X-Example"), value);
    return encode_fits_header(value);
}

/* ---- */

static const struct {
    put_function *put;
    unsigned ways;
    bool narrow;
} slots[VARIABLE_COUNT] = {
    [VARIABLE_ARGS] = {put_argument, 4, false},
    [VARIABLE_ARGS_GET] = {put_argument, 1, false},
    [VARIABLE_ARGS_POST] = {put_argument, 3, false},
    [VARIABLE_ARGS_NAMES] = {put_argument_name, 2, false},
    [VARIABLE_ARGS_GET_NAMES] = {put_argument_name, 1, false},
    [VARIABLE_ARGS_POST_NAMES] = {put_argument_name, 1, false},
    [VARIABLE_ARGS_COMBINED_SIZE] = {put_arguments_size, 1, false},
    [VARIABLE_AUTH_TYPE] = {put_credentials, 1, true},
    [VARIABLE_FILES] = {put_file_name, 1, true},
    [VARIABLE_FILES_COMBINED_SIZE] = {put_file_size, 1, false},
    [VARIABLE_FILES_NAMES] = {put_part_name, 1, true},
    [VARIABLE_FILES_SIZES] = {put_file_size, 1, false},
    [VARIABLE_FILES_TMP_CONTENT] = {put_file_content, 1, false},
    [VARIABLE_FULL_REQUEST] = {put_body, 3, false},
    [VARIABLE_FULL_REQUEST_LENGTH] = {put_body_length, 1, false},
    [VARIABLE_MULTIPART_FILENAME] = {put_file_name, 1, true},
    [VARIABLE_MULTIPART_NAME] = {put_part_name, 1, true},
    [VARIABLE_MULTIPART_PART_HEADERS] = {put_part_header, 1, true},
    [VARIABLE_MULTIPART_STRICT_ERROR] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_UNMATCHED_BOUNDARY] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_DATA_BEFORE] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_DATA_AFTER] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_HEADER_FOLDING] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_LF_LINE] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_MISSING_SEMICOLON] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_SEMICOLON_MISSING] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_INVALID_QUOTING] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_INVALID_PART] = {put_broken_multipart, 10, false},
    [VARIABLE_MULTIPART_INVALID_HEADER_FOLDING] = {put_broken_multipart, 10, false},
    [VARIABLE_PATH_INFO] = {put_path, 2, false},
    [VARIABLE_QUERY_STRING] = {put_query_string, 2, true},
    [VARIABLE_REMOTE_ADDR] = {put_client, 1, false},
    [VARIABLE_REMOTE_HOST] = {put_client, 1, false},
    [VARIABLE_REQBODY_ERROR] = {put_broken_body, 1, false},
    [VARIABLE_REQBODY_PROCESSOR] = {put_processor, 1, false},
    [VARIABLE_REQBODY_PROCESSOR_ERROR] = {put_broken_body, 1, false},
    [VARIABLE_REQUEST_BASENAME] = {put_path, 2, false},
    [VARIABLE_REQUEST_BODY] = {put_body, 3, false},
    [VARIABLE_REQUEST_COOKIES] = {put_cookie, 2, true},
    [VARIABLE_REQUEST_COOKIES_NAMES] = {put_cookie, 2, true},
    [VARIABLE_REQUEST_FILENAME] = {put_path, 2, false},
    [VARIABLE_REQUEST_HEADERS] = {put_header, 2, true},
    [VARIABLE_REQUEST_HEADERS_NAMES] = {put_header_name, 1, true},
    [VARIABLE_REQUEST_LINE] = {put_line, 4, true},
    [VARIABLE_REQUEST_METHOD] = {put_method, 1, true},
    [VARIABLE_REQUEST_PROTOCOL] = {put_protocol, 1, true},
    [VARIABLE_REQUEST_URI] = {put_path, 3, false},
    [VARIABLE_REQUEST_URI_RAW] = {put_path, 3, true},
    [VARIABLE_RESPONSE_BODY] = {put_response_body, 1, false},
    [VARIABLE_RESPONSE_CONTENT_TYPE] = {put_response_header, 1, true},
    [VARIABLE_RESPONSE_HEADERS] = {put_response_header, 1, true},
    [VARIABLE_RESPONSE_STATUS] = {put_status, 1, true},
    [VARIABLE_SERVER_NAME] = {put_host, 1, true},
    [VARIABLE_STATUS] = {put_status, 1, true},
    [VARIABLE_URLENCODED_ERROR] = {put_broken_query, 1, false},
    [VARIABLE_XML] = {put_xml, 1, false},
};

unsigned slot_ways(uint8_t variable)
{
    return slots[variable].ways;
}

bool slot_is_narrow(uint8_t variable)
{
    return slots[variable].narrow;
}

bool slot_put(struct sketch *d, const struct slot *p, struct bytes value)
{
    return slots[p->variable].put && slots[p->variable].put(d, p, value) && !d->failed;
}

/* A header by another name each time, unless one name is meant. */
static struct bytes numbered(struct sketch *d, const struct slot *p, size_t i)
{
    char *name = p->name.len ? NULL : arena_format(d->arena, "x%zu", i);
    return name ? bytes_of_text(name) : p->name;
}

bool slot_count(struct sketch *d, const struct slot *p, size_t count)
{
    if (count == 0) {
        bool cookie = p->variable == VARIABLE_REQUEST_COOKIES || p->variable == VARIABLE_REQUEST_COOKIES_NAMES;
        sketch_add(d, &d->without, cookie ? bytes_of_text("Cookie") : p->name, p->name);
        return slot_ways(p->variable) != 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct slot one = *p;
        one.name = numbered(d, p, i);
        if (p->variable == VARIABLE_REQUEST_HEADERS && i) /* not in place of the one before */
            sketch_add(d, &d->headers, name_or(&one, "X-Example"), bytes_of_text("1"));
        else if (!slot_put(d, &one, bytes_of_text("1")))
            return false;
    }
    return true;
}
