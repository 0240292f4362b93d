/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_requests.h"

#include <string.h>

#include "tests/differential/waf_words.h"

#define PICK(random, list) (list)[random_below(random, sizeof(list) / sizeof *(list))]
#define WORD_MAX ((size_t)1 << 16)
#define BODY_MAX ((size_t)1 << 20)

static const char *const names[] = {"q", "id", "name", "user", "password", "page", "file", "url", "a[b]", "x.y", "_", "token", "cmd", "", "Id", "select", "_charset_", "phpsessid", "email",
    "comment", "a[b][c]", "sort", "utm_source", "redirect_uri", "items[]", "jsessionid", "%00", "a b"};
static const char *const paths[] = {"/", "/index.php", "/login", "/api/v1/items", "/a/../b", "/img/logo.png", "/search", "/wp-login.php", "/x%20y", "/.htaccess", "/a;b", "//double",
    "/a.php~", "/a.bak", "/a%0d%0ab", "/1'or'1'='1", "/a.pdf", "/shop/item-17", "/static/app.4f3a.js", "/feed.xml", "/.well-known/security.txt", "/caf%c3%a9", "/a%2fb", "/cgi-bin/a.cgi",
    "/api/v1/users/5f4dcc3b", "/download/report%202026.xlsx", "/a.asp", "/%u0061", "/a%", "/\xc3\xa4", "http://www.example.org/a", "*"};
static const char *const agents[] = {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1", "curl/7.88.1", "sqlmap/1.7", "Nikto/2.1.6", "",
    "python-requests/2.28", "Mozilla/5.0 (compatible; Googlebot/2.1)", "masscan/1.0", "WPScan v3", "rogerbot", "UP.Browser/7", "okhttp/4.9", "Go-http-client/1.1", "Wget/1.21", "nmap nse"};
/* Which have a value that rules are about. */
static const char *const peculiar_headers[] = {"Acunetix-Product: a", "Connection: keep-alive, close", "Accept: ", "Accept: text/html; charset=utf-7", "X-Filename: a.php.jpg", "X_Filename: .htaccess",
    "Cache-Control: max-age=x", "Cache-Control: no-cache", "X-Up-Devcap-Post-Charset: a", "Sec-Fetch-User: ?1\xff", "Range: bytes=1-2,3-4,5-6,7-8,9-10,11-12", "Range: bytes=2-1",
    "Referer: https://evil.example/", "Referer: javascript:a", "Host: ", "X-Entity: a&#10;b", "Request-Range: bytes=1-2", "Content-Length: x", "Expect: 100-continue", "Accept-Charset: utf-8",
    "Content-Encoding: gzip", "If: a", "Lock-Token: a", "Transfer-Encoding: identity", "Accept-Encoding: gzip, deflate, br", "Origin: null", "Cookie: $Version=1; a=b", "X-HTTP-Method-Override: PUT",
    "X-Forwarded-For: 127.0.0.1", "X-File-Name: a.phtml", "Max-Forwards: 0", "Upgrade: h2c", "Cookie: a=1; a=2;;=3; b", "Sec-Ch-Ua: \"Chromium\";v=\"131\"", "DNT: 1"};
static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8", "text/plain; text/xml",
    "text/plain; multipart", "evil", "", "application/octet-stream", "application/json; charset=utf-8", "application/csp-report", "text/xml; charset=iso-8859-1", "application/soap+xml", "a/b; c=d"};
static const char *const part_headers[] = {"Content-Type: text/plain; charset=utf-8", "Content-Type: text/plain; charset=utf-7", "Content-Transfer-Encoding: base64", "X-Part: a b",
    "Content-Type: image/png", "Content-Type: text/plain", "Content-Type: application/octet-stream"};
static const char *const files[] = {"a.txt", "a.txt", "shell.php", "a.php.jpg", ".htaccess", "a;b", "a'b", "a=b", "IMG_0001.JPG", "report 2026.pdf", "x.phtml", "\xc3\xa4.png", "a\\b", "../a", "web.config"};
static const char *const odd_methods[] = {"PUT", "DELETE", "OPTIONS", "TRACE", "HEAD", "PATCH", "get", "PROPFIND", "X", "CONNECT", "REPORT", "MOVE"};
static const char *const odd_headers[] = {"X-Forwarded-For", "Referer", "Accept-Language", "X-Api", "Range", "Origin", "If-Modified-Since", "Content-Encoding", "Proxy", "X_y", "Authorization", "X-Requested-With"};

/* ---- values in their places */

/* As a browser encodes it, or an attacker who does not. */
static void print_encoded(struct random *random, const struct text *value, struct text *out)
{
    bool plus = random_below(random, 2), careless = random_below(random, 4) == 0;
    for (size_t i = 0; i < value->len; i++) {
        char c = value->at[i];
        bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_.~", c));
        if (safe || (careless && (unsigned char)c > ' ' && (unsigned char)c < 0x7f && !strchr("&=#+% ", c)))
            text_append(out, &c, 1);
        else if (c == ' ' && plus)
            text_puts(out, "+");
        else if (c == '%' && careless)
            text_puts(out, "%");
        else
            text_printf(out, "%%%02x", (unsigned char)c);
    }
}

static void encoded_text(struct random *random, const char *value, struct text *out)
{
    struct text t = text_new(WORD_MAX);
    text_puts(&t, value);
    print_encoded(random, &t, out);
    text_free(&t);
}

static void encoded_word(struct random *random, struct text *out)
{
    struct text word = text_new(WORD_MAX);
    word_any(random, &word);
    print_encoded(random, &word, out);
    text_free(&word);
}

static void pairs(struct random *random, struct text *out)
{
    size_t count = random_below(random, 40) ? random_below(random, 5) : random_below(random, 40);
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? "&" : "");
        encoded_text(random, PICK(random, names), out);
        if (random_below(random, 10))
            text_puts(out, "=");
        encoded_word(random, out);
    }
}

/* Header values hold no line ends: they would end the line. */
static void print_header_value(const struct text *value, struct text *out)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->at[i] != '\r' && value->at[i] != '\n')
            text_append(out, value->at + i, 1);
}

static void header_word(struct random *random, struct text *out)
{
    struct text word = text_new(WORD_MAX);
    word_any(random, &word);
    print_header_value(&word, out);
    text_free(&word);
}

/* ---- bodies */

static void json_word(struct random *random, struct text *out)
{
    struct text word = text_new(WORD_MAX);
    word_any(random, &word);
    text_json(out, text_cstr(&word));
    text_free(&word);
}

static void json_body(struct random *random, struct text *out)
{
    size_t count = 1 + random_below(random, 4);
    text_puts(out, "{");
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, PICK(random, names));
        text_puts(out, ": ");
        if (random_below(random, 3) == 0) {
            json_word(random, out);
            continue;
        }
        text_puts(out, random_below(random, 4) == 0 ? "[1, true, null, {\"b\": " : "[[{\"b\": ");
        json_word(random, out);
        text_puts(out, random_below(random, 30) ? "}]" : "}");
        text_puts(out, "]");
    }
    text_puts(out, random_below(random, 20) ? "}" : "");
}

static void multipart_part(struct random *random, struct text *out)
{
    text_printf(out, "--BoUnd\r\nContent-Disposition: form-data; name=\"%s\"", PICK(random, names));
    if (random_below(random, 3) == 0)
        text_printf(out, "; filename=\"%s\"", PICK(random, files));
    if (random_below(random, 3) == 0)
        text_printf(out, "\r\n%s", PICK(random, part_headers));
    text_puts(out, "\r\n\r\n");
    word_any(random, out);
    text_puts(out, "\r\n");
}

static void multipart_body(struct random *random, struct text *out)
{
    static const char *const ends[] = {"--BoUnd\r\n", "--BoUnd--", "--BoUnd--\r\nmore", "--Bound--\r\n", ""};
    text_puts(out, random_below(random, 30) ? "" : "before\r\n");
    for (size_t n = 1 + random_below(random, 3); n; n--)
        multipart_part(random, out);
    text_puts(out, random_below(random, 12) ? "--BoUnd--\r\n" : PICK(random, ends));
}

static void xml_body(struct random *random, struct text *out)
{
    text_puts(out, random_below(random, 2) ? "<?xml version=\"1.0\"?>" : "");
    text_puts(out, random_below(random, 20) ? "" : "<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>");
    text_puts(out, "<r a=\"");
    encoded_word(random, out);
    text_puts(out, "\"><b>");
    if (random_below(random, 3)) {
        encoded_word(random, out);
    } else {
        text_puts(out, "<![CDATA[");
        word_any(random, out);
        text_puts(out, "]]>");
    }
    text_puts(out, random_below(random, 20) ? "</b></r>" : "</b>");
}

/* Its type; "": no more is said of it. */
static const char *body_make(struct random *random, struct text *out)
{
    switch (random_below(random, 6)) {
    case 0:
        json_body(random, out);
        return "application/json";
    case 1:
        multipart_body(random, out);
        return random_below(random, 12) ? "multipart/form-data; boundary=BoUnd" : random_below(random, 2) ? "multipart/form-data; boundary=\"BoUnd\"" : "multipart/form-data";
    case 2:
        xml_body(random, out);
        return "text/xml";
    default:
        pairs(random, out);
        return random_below(random, 4) ? "application/x-www-form-urlencoded" : PICK(random, types);
    }
}

static void print_chunked(struct random *random, const struct text *body, struct text *out)
{
    for (size_t at = 0; at < body->len;) {
        size_t len = 1 + random_below(random, 40);
        len = len < body->len - at ? len : body->len - at;
        text_printf(out, "%zx\r\n", len);
        text_append(out, body->at + at, len);
        text_puts(out, "\r\n");
        at += len;
    }
    text_puts(out, "0\r\n\r\n");
}

/* What says how long a body is, an empty line, and the body. */
static void print_body(struct random *random, const struct text *body, bool said, struct text *out)
{
    if (said && random_below(random, 25) == 0) {
        text_puts(out, random_below(random, 4) ? "" : "Content-Length: 5\r\n");
        text_puts(out, "Transfer-Encoding: chunked\r\n\r\n");
        print_chunked(random, body, out);
        return;
    }
    if (said)
        text_printf(out, "Content-Length: %zu\r\n", body->len);
    text_puts(out, "\r\n");
    text_append(out, text_cstr(body), body->len);
}

/* ---- whole requests */

static void print_line(struct random *random, const char *start, bool post, struct text *out)
{
    static const char *const protocols[] = {" HTTP/1.0\r\n", " HTTP/1.0\r\n", " HTTP/2.0\r\n", " HTTP/1.2\r\n", " http/1.1\r\n"};
    if (start) {
        text_puts(out, start);
    } else {
        text_puts(out, post ? "POST" : random_below(random, 12) ? "GET" : PICK(random, odd_methods));
        text_puts(out, " ");
        text_puts(out, PICK(random, paths));
    }
    if (random_below(random, 3)) {
        text_puts(out, start && strchr(start, '?') ? "&" : "?");
        pairs(random, out);
    }
    text_puts(out, random_below(random, 50) ? "" : "#part");
    text_puts(out, random_below(random, 16) ? " HTTP/1.1\r\n" : PICK(random, protocols));
}

static void print_common_headers(struct random *random, struct text *out)
{
    if (random_below(random, 20))
        text_puts(out, random_below(random, 20) ? "Host: www.example.org\r\n" : "Host: 192.0.2.1\r\n");
    if (random_below(random, 12))
        text_printf(out, "User-Agent: %s\r\n", PICK(random, agents));
    if (random_below(random, 6))
        text_puts(out, "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
}

static void print_more_headers(struct random *random, struct text *out)
{
    if (random_below(random, 2)) {
        text_puts(out, "Cookie: sid=");
        encoded_word(random, out);
        text_puts(out, "; lang=en\r\n");
    }
    if (random_below(random, 3) == 0) {
        text_printf(out, "%s: ", PICK(random, odd_headers));
        header_word(random, out);
        text_puts(out, "\r\n");
    }
    if (random_below(random, 4) == 0)
        text_printf(out, "%s\r\n", PICK(random, peculiar_headers));
}

/* Anything with anything. `start`: its method and path, or NULL. */
static void mixed_request(struct random *random, const char *start, struct text *out)
{
    struct text body = text_new(BODY_MAX);
    bool post = start ? strncmp(start, "GET", 3) != 0 : random_below(random, 3) == 0;
    print_line(random, start, post, out);
    print_common_headers(random, out);
    const char *type = post || random_below(random, 30) == 0 ? body_make(random, &body) : NULL;
    for (uint32_t n = !type ? 0 : random_below(random, 20) ? 1 : random_below(random, 3); n; n--)
        text_printf(out, "Content-Type: %s\r\n", type);
    print_more_headers(random, out);
    print_body(random, &body, type && random_below(random, 30), out);
    text_free(&body);
}

/* What people's programs send when nothing is wrong, with one word of any kind in it. */
static const struct {
    const char *head, *type, *before, *after; /* of the body, around the word; `type` NULL: it stands in the head's place of %s */
} usual[] = {
    {"GET /search?q=%s&page=2 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
     "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nReferer: https://www.example.org/\r\nCookie: sid=8f14e45fceea167a; theme=dark\r\n"
     "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\n", NULL, "", ""},
    {"GET /static/app.js?v=%s HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nIf-None-Match: \"5d8c72a5edda8\"\r\nIf-Modified-Since: Thu, 26 Nov 2026 10:00:00 GMT\r\n", NULL, "", ""},
    {"GET /video.mp4?t=%s HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nRange: bytes=0-1023\r\n", NULL, "", ""},
    {"POST /login HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: text/html\r\nOrigin: https://www.example.org\r\n", "application/x-www-form-urlencoded", "user=anna&password=", "&remember=on"},
    {"POST /comment HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: text/html\r\n", "multipart/form-data; boundary=----WebKitFormBoundaryAbC123",
     "------WebKitFormBoundaryAbC123\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n", "\r\n------WebKitFormBoundaryAbC123--\r\n"},
    {"POST /upload HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\n", "multipart/form-data; boundary=XX",
     "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\nContent-Type: text/plain\r\n\r\n", "\r\n--XX--\r\n"},
    {"POST /graphql HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: %a\r\nAccept: application/json\r\n", "application/json",
     "{\"query\":\"query Items($q: String) { items(filter: $q, first: 10) { id name } }\",\"variables\":{\"q\":\"", "\"}}"},
    {"POST /api/v1/events HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc\r\n", "application/json",
     "[{\"type\":\"view\",\"at\":1790000000,\"props\":{\"title\":\"", "\",\"n\":3.5,\"ok\":true}}]"},
    {"POST /soap HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nSOAPAction: \"urn:get\"\r\n", "text/xml",
     "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><get><name>", "</name></get></s:Body></s:Envelope>"},
    {"OPTIONS /api/v1/items?a=%s HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nOrigin: https://www.example.org\r\nAccess-Control-Request-Method: POST\r\n"
     "Access-Control-Request-Headers: content-type\r\n", NULL, "", ""},
    {"GET /chat?room=%s HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
     "Sec-WebSocket-Version: 13\r\n", NULL, "", ""},
    {"GET /callback?code=4%2F0AX4XfWh&state=%s&scope=email+profile+https%3A%2F%2Fwww.example.org%2Fauth HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: %a\r\nAccept: */*\r\n", NULL, "", ""},
};

static void usual_request(struct random *random, struct text *out)
{
    uint32_t n = random_below(random, sizeof usual / sizeof *usual);
    struct text body = text_new(BODY_MAX);
    for (const char *c = usual[n].head; *c; c++) {
        if (c[0] == '%' && c[1] == 's')
            encoded_word(random, out);
        else if (c[0] == '%' && c[1] == 'a')
            text_puts(out, agents[random_below(random, 3)]);
        else
            text_append(out, c, 1);
        c += c[0] == '%' && (c[1] == 's' || c[1] == 'a');
    }
    if (usual[n].type) {
        text_printf(out, "Content-Type: %s\r\n", usual[n].type);
        text_puts(&body, usual[n].before);
        if (strstr(usual[n].type, "multipart"))
            word_any(random, &body);
        else
            encoded_word(random, &body);
        text_puts(&body, usual[n].after);
        text_printf(out, "Content-Length: %zu\r\n", body.len);
    }
    text_puts(out, "\r\n");
    text_append(out, text_cstr(&body), body.len);
    text_free(&body);
}

/* ---- broken ones */

static void swap_bytes(struct random *random, struct text *t)
{
    for (uint32_t n = 1 + random_below(random, 3); n && t->len; n--)
        t->at[random_below(random, (uint32_t)t->len)] = (char)random_below(random, 256);
}

/* Without some bytes in the middle, or with some twice. */
static void cut_or_double(struct random *random, struct text *t)
{
    struct text made = text_new(BODY_MAX);
    size_t from = random_below(random, (uint32_t)t->len + 1), to = from + random_below(random, 20);
    to = to < t->len ? to : t->len;
    bool cut = random_below(random, 2);
    text_append(&made, t->at, cut ? from : to);
    text_append(&made, t->at + (cut ? to : from), t->len - (cut ? to : from));
    text_free(t);
    *t = made;
}

static void shorten(struct random *random, struct text *t)
{
    t->len = t->len ? t->len - random_below(random, (uint32_t)t->len / 4 + 1) : 0;
}

/* Lines that end in \n alone. */
static void bare_lines(struct text *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->len; i++)
        if (t->at[i] != '\r')
            t->at[kept++] = t->at[i];
    t->len = kept;
}

/* One more header line, which goes behind the first line. */
static void add_header(struct random *random, struct text *t)
{
    static const char *const lines[] = {"Host: other.example\r\n", " folded\r\n", "Nocolon\r\n", ": no name\r\n", "Content-Length: 0\r\n", "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\n", "A\x01: b\r\n", "X-Space : a\r\n", "Content-Type: text/xml\r\n", "Content-Type: application/json\r\n", "Cookie: \xff\xfe=\x80\r\n"};
    struct text made = text_new(BODY_MAX);
    const char *end = memmem(t->at, t->len, "\n", 1);
    size_t at = end ? (size_t)(end - t->at) + 1 : t->len;
    text_append(&made, t->at, at);
    text_puts(&made, PICK(random, lines));
    text_append(&made, t->at + at, t->len - at);
    text_free(t);
    *t = made;
}

static void damage(struct random *random, struct text *t)
{
    switch (random_below(random, 6)) {
    case 0:
        swap_bytes(random, t);
        break;
    case 1:
        cut_or_double(random, t);
        break;
    case 2:
        shorten(random, t);
        break;
    case 3:
        bare_lines(t);
        break;
    default:
        add_header(random, t);
    }
}

static void make_any(struct random *random, const char *start, struct text *out)
{
    if (!start && random_below(random, 4) == 0)
        usual_request(random, out);
    else
        mixed_request(random, start, out);
    if (random_below(random, 10) == 0)
        damage(random, out);
}

void request_make(struct random *random, struct text *out)
{
    make_any(random, NULL, out);
}

enum setup traffic_make(struct random *random, struct text *request, struct text *response)
{
    enum setup setup = random_below(random, 3) ? SETUP_PLAIN : (enum setup)random_below(random, SETUP_RANDOM_COUNT);
    make_any(random, random_below(random, 3) ? setup_start(setup, random) : NULL, request);
    response_make(random, response);
    return setup;
}
