/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_requests.h"

#include "tests/differential/waf_words.h"

#define WORDS_A_REQUEST 6

/* Where the words of one request stand. */
enum place {
    PLACE_QUERY,
    PLACE_NAMES,
    PLACE_COOKIES,
    PLACE_HEADERS,
    PLACE_FORM,
    PLACE_JSON,
    PLACE_PARTS,
    PLACE_PATH,
    PLACE_COUNT,
};

static void print_encoded(const char *word, struct text *out)
{
    for (; *word; word++)
        text_printf(out, "%%%02x", (unsigned char)*word);
}

/* The words from `first` on, up to as many as a request has; `each` prints one. */
static void print_words(size_t first, void (*each)(size_t n, const char *word, struct text *out), struct text *out)
{
    size_t at = 0, printed = 0;
    for (int family = 0; family < WORD_FAMILY_COUNT; family++)
        for (size_t i = 0; i < words_count((enum word_family)family); i++, at++)
            if (at >= first && at < first + WORDS_A_REQUEST)
                each(printed++, words_at((enum word_family)family, i), out);
}

static size_t words_in_all(void)
{
    size_t count = 0;
    for (int family = 0; family < WORD_FAMILY_COUNT; family++)
        count += words_count((enum word_family)family);
    return count;
}

static void print_pair(size_t n, const char *word, struct text *out)
{
    text_printf(out, "%sa%zu=", n ? "&" : "", n);
    print_encoded(word, out);
}

static void print_name(size_t n, const char *word, struct text *out)
{
    text_puts(out, n ? "&" : "");
    print_encoded(word, out);
    text_puts(out, "=1");
}

static void print_cookie(size_t n, const char *word, struct text *out)
{
    text_printf(out, "%sc%zu=", n ? "; " : "Cookie: ", n);
    print_encoded(word, out);
}

static void print_header(size_t n, const char *word, struct text *out)
{
    static const char *const names[WORDS_A_REQUEST] = {"User-Agent", "Referer", "X-A", "X-Forwarded-For", "X-Filename", "Accept-Language"};
    text_printf(out, "%s: ", names[n]);
    for (; *word; word++)
        text_append(out, *word == '\r' || *word == '\n' ? " " : word, 1);
    text_puts(out, "\r\n");
}

static void print_member(size_t n, const char *word, struct text *out)
{
    text_printf(out, "%s\"a%zu\":", n ? "," : "", n);
    text_json(out, word);
}

static void print_part(size_t n, const char *word, struct text *out)
{
    text_printf(out, "--B\r\nContent-Disposition: form-data; name=\"a%zu\"%s\r\n\r\n%s\r\n", n, n % 2 ? "" : "; filename=\"f\"", word);
}

static void print_segment(size_t n, const char *word, struct text *out)
{
    text_puts(out, n ? "" : "/p");
    text_puts(out, "/");
    print_encoded(word, out);
}

static void print_body(const char *type, const struct text *body, struct text *out)
{
    text_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, body->len);
    text_append(out, text_cstr(body), body->len);
}

static void print_request(enum place place, size_t first, struct text *out)
{
    struct text body = text_new(1 << 20);
    bool posts = place == PLACE_FORM || place == PLACE_JSON || place == PLACE_PARTS;
    text_puts(out, posts ? "POST " : "GET ");
    if (place == PLACE_PATH)
        print_words(first, print_segment, out);
    else
        text_puts(out, "/");
    text_puts(out, place == PLACE_QUERY || place == PLACE_NAMES ? "?" : "");
    if (place == PLACE_QUERY || place == PLACE_NAMES)
        print_words(first, place == PLACE_QUERY ? print_pair : print_name, out);
    text_puts(out, " HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n");
    if (place == PLACE_HEADERS)
        print_words(first, print_header, out);
    else
        text_puts(out, "User-Agent: Mozilla/5.0\r\n");
    if (place == PLACE_COOKIES) {
        print_words(first, print_cookie, out);
        text_puts(out, "\r\n");
    }
    if (place == PLACE_FORM) {
        print_words(first, print_pair, &body);
        print_body("application/x-www-form-urlencoded", &body, out);
    } else if (place == PLACE_JSON) {
        text_puts(&body, "{");
        print_words(first, print_member, &body);
        text_puts(&body, "}");
        print_body("application/json", &body, out);
    } else if (place == PLACE_PARTS) {
        print_words(first, print_part, &body);
        text_puts(&body, "--B--\r\n");
        print_body("multipart/form-data; boundary=B", &body, out);
    } else {
        text_puts(out, "\r\n");
    }
    text_free(&body);
}

bool sweep_make(size_t number, struct text *request, struct text *response)
{
    size_t first = number / PLACE_COUNT * WORDS_A_REQUEST;
    if (first >= words_in_all() && number >= leak_count())
        return false;
    print_request((enum place)(number % PLACE_COUNT), first < words_in_all() ? first : 0, request);
    leak_make(number % leak_count(), response);
    return true;
}
