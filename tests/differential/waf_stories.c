/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_stories.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COMMON "Host: www.example.org\nUser-Agent: Mozilla/5.0\nAccept: */*\n"
#define GET(target) "GET " target " HTTP/1.1\n" COMMON
#define POST(type) "POST /p HTTP/1.1\n" COMMON "Content-Type: " type "\n"
#define PART "--B\nContent-Disposition: form-data; name="
#define TEN(text) text text text text text text text text text text
#define THOUSAND(text) TEN(TEN(TEN(text)))

const struct waf_story waf_stories[] = {
    /* ---- the base configuration */
    {SETUP_PLAIN, 1, .request = POST("application/x-www-form-urlencoded") "\n" THOUSAND("a&")},
    {SETUP_PLAIN, 1, .request = POST("application/json") "\n{\"a\":"},
    {SETUP_PLAIN, 1, .request = POST("text/xml") "\n<a>b</a>"},
    {SETUP_PLAIN, 1, .request = POST("multipart/form-data; boundary=\"B\"") "\n" PART "\"a\"\n\nx\n--B--\n"},
    {SETUP_PLAIN, 1, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"a\"\n\nx\n--C\ny\n--B--\n"},
    {SETUP_PLAIN, 1, .request = POST("multipart/form-data; boundary=B") "\n--C\nx\n--C--\n"},
    {SETUP_FAILED, 1, .request = GET("/") "\n"},
    /* ---- 901: what is set up, and sampling */
    {SETUP_NONE, 1, .request = GET("/") "\n"},
    {SETUP_PLAIN, 0, .request = GET("/") "\n"},
    {SETUP_SAMPLED, 1, .request = GET("/?q=<script>") "\n"},
    {SETUP_SAMPLED, 1, .request = GET("/") "\n", .unique_id = "s4"},
    {SETUP_LIMITS, 1, .request = POST("text/plain") "\na=b"},
    /* ---- nobody's level: the first gate of each file, in each phase, leads past it */
    {SETUP_NO_LEVEL, 1, .request = GET("/?q=<script>") "\n"},
    /* ---- 905: the server asks itself */
    {SETUP_PLAIN, 1, .request = "OPTIONS * HTTP/1.1\nHost: a\nUser-Agent: Apache (internal dummy connection)\n\n"},
    {SETUP_PLAIN, 1, .request = "GET /"},
    /* ---- 910: where a client is, and what lists say of it; each has an address of its own, since it is remembered */
    {SETUP_PLACES, 1, .request = GET("/") "\n", .client = "192.0.2.5", .times = 2},
    {SETUP_PLACES, 1, .request = GET("/") "\n", .client = "198.51.100.5"},
    {SETUP_LISTED, 1, .request = GET("/") "\n", .client = "203.0.113.1", .times = 2},
    {SETUP_SEARCH, 1, .request = GET("/") "\n", .client = "203.0.113.2"},
    {SETUP_SPAMMER, 1, .request = GET("/") "\n", .client = "203.0.113.3"},
    {SETUP_SUSPICIOUS, 1, .request = GET("/") "\n", .client = "203.0.113.4"},
    {SETUP_HARVESTER, 1, .request = GET("/") "\n", .client = "203.0.113.5"},
    /* ---- 912: bursts of three, and what comes after two of them */
    {SETUP_FLOOD, 1, .request = GET("/") "\n", .client = "203.0.113.11", .times = 8},
    {SETUP_FLOOD, 2, .request = GET("/") "\n", .client = "203.0.113.12", .times = 8},
    {SETUP_FLOOD, 3, .request = GET("/a.png") "\n", .client = "203.0.113.13", .times = 4},
    {SETUP_FLOOD, 4, .request = GET("/a.php") "\n", .client = "203.0.113.14"},
    /* ---- 913: scanners */
    {SETUP_PLAIN, 1, .request = GET("/") "Acunetix-Product: a\n\n"},
    {SETUP_PLAIN, 2, .request = "GET / HTTP/1.1\nHost: a\nUser-Agent: sqlmap/1.7\n\n"},
    {SETUP_PLAIN, 2, .request = "GET / HTTP/1.1\nHost: a\nUser-Agent: python-requests/2.28\n\n"},
    {SETUP_PLAIN, 2, .request = "GET / HTTP/1.1\nHost: a\nUser-Agent: rogerbot\n\n"},
    /* ---- 920: the protocol */
    {SETUP_LIMITS, 1, .request = GET("/?a=" TEN("0123456789")) "\n"},
    {SETUP_LIMITS, 1, .request = GET("/?a=%ff") "\n"},
    {SETUP_LIMITS, 1, .request = GET("/?0123456789012345678901234=1&b=" TEN("012345") "&c=" TEN("0123456") "&d=" TEN("0123456") "&e&f&g") "\n"},
    {SETUP_LIMITS, 1, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"a\"; filename=\"a\"\n\n" TEN("0123456789") TEN("0123456789") "\n--B--\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost: a\nUser-Agent: x\nAccept:\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost: a\nAccept:\n\n"},
    {SETUP_PLAIN, 4, .request = POST("text/plain; a b c; charset=a; charset=b") "\nx"},
    {SETUP_PLAIN, 4, .request = GET("/a.pdf") "Range: bytes=" TEN("1-2, ") "1-2\n\n"},
    {SETUP_PLAIN, 4, .request = GET("/a.pdf") "Range: bytes=" TEN("1-2,2-3,3-4,4-5,5-6,6-7,7-8, ") "1-2\n\n"},
    {SETUP_PLAIN, 4, .request = GET("/a") "Range: bytes=" TEN("1-2, ") "1-2\nRequest-Range: bytes=5-4\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost: a\nUser-Agent: UP.Browser\nX-Up-Devcap-Post-Charset: a\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost: 192.0.2.1:80\nUser-Agent:\nConnection: close, keep-alive\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost:\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nUser-Agent: x\nX-A: a&#10;b\nContent-Length: x\nCookie: a=\x01\x80\n\n"},
    {SETUP_PLAIN, 4, .request = "GET / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx"},
    {SETUP_PLAIN, 4, .request = "POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\r\n\r\n"},
    {SETUP_PLAIN, 4, .request = "PUT / HTTP/1.1\nHost: a\n\nx"},
    {SETUP_PLAIN, 4, .request = "POST / HTTP/1.1\nHost: a\n\n"},
    {SETUP_PLAIN, 4, .request = GET("/a.php~") "Transfer-Encoding: chunked\nContent-Type: a/b\nContent-Type: c/d\nSec-Fetch-User: ?1\xff\n\n0\r\n\r\n"},
    {SETUP_PLAIN, 4, .request = "X / HTTP/3.1\nHost: a\nProxy: a\nContent-Encoding: gzip\nCache-Control: a\n\n"},
    {SETUP_PLAIN, 4, .request = "GET /a%zz/%u0061.bak?b=%zz&c=%u0061%c0%af HTTP/1.1\nHost: a\n\n"},
    {SETUP_PLAIN, 4, .request = POST("application/x-www-form-urlencoded") "\na=%zz"},
    {SETUP_PLAIN, 4, .request = POST("application/x-www-form-urlencoded; charset=utf-7") "\na=b"},
    {SETUP_PLAIN, 4, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"a;b\"; filename=\"a';b=\"\n\nx\n--B--\n"},
    /* ---- 921, 922: within headers and parts */
    {SETUP_PLAIN, 4, .request = POST("text/plain; text/xml") "\nx"},
    {SETUP_PLAIN, 4, .request = POST("text/plain, multipart") "\nx"},
    {SETUP_PLAIN, 1, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"_charset_\"\n\nutf-7\n--B--\n"},
    {SETUP_PLAIN, 1, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"a\"\nContent-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: base64\n\nx\n--B--\n"},
    {SETUP_PLAIN, 4, .request = GET("/?a=1&b=2&a=3") "\n"},
    /* ---- 930 to 944 */
    {SETUP_PLAIN, 1, .request = GET("/.git/config") "\n"},
    {SETUP_PLAIN, 4, .request = POST("multipart/form-data; boundary=B") "\n" PART "\"a\"; filename=\"a.php.jpg\"\n\nx\n" PART "\"b\"; filename=\"a.php\"\n\nx\n--B--\n"},
    {SETUP_PLAIN, 4, .request = GET("/?phpsessid=1") "Referer: https://evil.example/a\n\n"},
    {SETUP_PLAIN, 4, .request = GET("/?jsessionid=1") "\n"},
    {SETUP_PLAIN, 4, .request = GET("/?a=%ac%ed%00%05") "\n"},
    /* ---- 950 to 980: answers */
    {SETUP_PLAIN, 4, .request = GET("/") "\n", .response = "HTTP/1.1 500 Internal Server Error\nContent-Type: text/html\n\n<html></html>"},
    {SETUP_MONITORED, 1, .request = GET("/") "\n"},
    {SETUP_LEAKED, 1, .request = GET("/") "\n"},
    {SETUP_UNAVAILABLE, 1, .request = GET("/") "\n"},
};
const size_t waf_story_count = sizeof waf_stories / sizeof *waf_stories;

const struct waf_unfired waf_never[] = {
    {910140, "it reads a sentence that ModSecurity 2 leaves in TX:0 of what Project Honey Pot's list said; since version 3 the address stands there"},
    {9004320, "the two rules before it jump over it unless `do` is admin, and it wants login"},
};
const size_t waf_never_count = sizeof waf_never / sizeof *waf_never;

const struct waf_unfired waf_never_in_peer[] = {
    {200000, "it does not log, and stands in the base configuration"},
    {200001, "it does not log, and stands in the base configuration"},
    {905100, "it wants a request line without a protocol, and libmodsecurity adds HTTP/ to one"},
};
const size_t waf_never_in_peer_count = sizeof waf_never_in_peer / sizeof *waf_never_in_peer;

/* ---- messages */

/* Every line of the head ends in \r\n; true when one of them is of that name. */
static bool print_head(const char *head, size_t len, const char *name, struct text *out)
{
    bool found = false;
    for (size_t i = 0; i < len; i++) {
        if (head[i] == '\n' && (!i || head[i - 1] != '\r'))
            text_puts(out, "\r");
        text_append(out, head + i, 1);
        found |= i && head[i - 1] == '\n' && strncasecmp(head + i, name, strlen(name)) == 0;
    }
    return found;
}

static size_t head_length(const char *message)
{
    const char *end = strstr(message, "\n\n"), *other = strstr(message, "\n\r\n");
    return end && (!other || end < other) ? (size_t)(end - message) + 1 : other ? (size_t)(other - message) + 1 : strlen(message);
}

static void print_message(const char *message, struct text *out)
{
    size_t len = head_length(message);
    const char *body = message + len + (message[len] == '\r') + (message[len] != 0);
    bool sized = print_head(message, len, "Content-Length:", out);
    struct text ignored = text_new(1 << 20);
    bool chunked = print_head(message, len, "Transfer-Encoding:", &ignored);
    text_free(&ignored);
    if (*body && !sized && !chunked)
        text_printf(out, "Content-Length: %zu\r\n", strlen(body));
    text_puts(out, "\r\n");
    text_puts(out, body);
}

/* The body of a multipart message has lines that end in \r\n too. */
static bool has_parts(const char *message)
{
    return strstr(message, "multipart/") && !strchr(message, '\r');
}

static char *with_carriage_returns(const char *message)
{
    struct text t = text_new(1 << 22);
    print_head(message, strlen(message), "", &t);
    return t.at;
}

void story_request_print(const char *request, struct text *out)
{
    char *lines = has_parts(request) ? with_carriage_returns(request) : NULL;
    print_message(lines ? lines : request, out);
    free(lines);
}

void story_response_print(const char *response, struct text *out)
{
    print_message(response ? response : "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<html><body>hello</body></html>", out);
}
