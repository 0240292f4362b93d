/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies against libmodsecurity: random ones, valid and broken, must give the same variables. What is known to differ,
 * and why, is in waf_known.c.
 *
 *   differential-waf-body [SEED [BODIES]]
 */
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "tests/differential/waf_known.h"
#include "waf/body/body.h"

#define LINES 400
#define SEPARATOR "|~|" /* of what the peer tells; no body has it */

struct lines {
    char *at[LINES];
    size_t count;
};

static const char rules[] =
    "SecRuleEngine On\nSecRequestBodyAccess On\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:10,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:11,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule ARGS|FILES|FILES_SIZES|MULTIPART_PART_HEADERS|XML:/*|XML://@*|REQBODY_PROCESSOR_ERROR_MSG "
    "\"@unconditionalMatch\" \"id:1,phase:2,pass,nolog,setvar:'tx.all=%{tx.all}|~|%{MATCHED_VAR_NAME}^^%{MATCHED_VAR}'\"\n"
    "SecRule URLENCODED_ERROR|MULTIPART_STRICT_ERROR|MULTIPART_BOUNDARY_QUOTED|MULTIPART_BOUNDARY_WHITESPACE|"
    "MULTIPART_DATA_BEFORE|MULTIPART_DATA_AFTER|MULTIPART_HEADER_FOLDING|MULTIPART_LF_LINE|MULTIPART_CRLF_LF_LINES|"
    "MULTIPART_MISSING_SEMICOLON|MULTIPART_INVALID_QUOTING|MULTIPART_INVALID_PART|MULTIPART_INVALID_HEADER_FOLDING|"
    "MULTIPART_UNMATCHED_BOUNDARY \"@rx ^[12]$\" \"id:2,phase:2,pass,nolog,"
    "setvar:'tx.all=%{tx.all}|~|%{MATCHED_VAR_NAME}^^%{MATCHED_VAR}'\"\n"
    "SecRule REQUEST_URI \"@unconditionalMatch\" \"id:4,phase:2,pass,log,msg:'%{tx.all}|~|'\"\n";

/* Printable as it is, the rest as \xNN: what the peer's log does, quotes and backslashes apart, which are undone there. */
static void lines_add(struct lines *l, const char *name, struct bytes key, struct bytes value, bool has_key)
{
    struct text t = text_new(1 << 20);
    text_puts(&t, name);
    if (has_key)
        text_puts(&t, ":");
    text_append(&t, key.at, key.len);
    text_puts(&t, "=");
    text_append(&t, value.at, value.len);
    struct text out = text_new(1 << 20);
    for (size_t i = 0; i < t.len; i++)
        text_printf(&out, (uint8_t)t.at[i] < 32 || (uint8_t)t.at[i] > 126 ? "\\x%02x" : "%c", (uint8_t)t.at[i]);
    if (l->count < LINES)
        l->at[l->count++] = strdup(text_cstr(&out));
    text_free(&t);
    text_free(&out);
}

static void peer_log(void *context, const void *message)
{
    struct lines *l = context;
    const char *from = strstr(message, "[msg \"");
    const char *to = from ? strstr(from, "\"] [data ") : NULL;
    if (!to)
        return;
    struct text t = text_new(1 << 20);
    for (const char *c = from + 6; c < to; c++) {
        if (strncmp(c, "\\x22", 4) == 0 || strncmp(c, "\\x5c", 4) == 0) {
            text_puts(&t, c[2] == '2' ? "\"" : "\\");
            c += 3;
        } else if (strncmp(c, SEPARATOR, 3) == 0) {
            if (t.len && !texts_equal(t.at, "REQBODY_PROCESSOR_ERROR_MSG=") && l->count < LINES)
                l->at[l->count++] = strdup(t.at);
            text_free(&t);
            c += 2;
        } else if (strncmp(c, "^^", 2) == 0) { /* the language has its own use for = here */
            text_puts(&t, "=");
            c++;
        } else {
            text_append(&t, c, 1);
        }
    }
    text_free(&t);
}

static bool own_event(void *context, const struct body_event *e)
{
    struct lines *l = context;
    char number[32];
    snprintf(number, sizeof number, "%zu", e->number);
    struct bytes none = {0};
    switch (e->kind) {
    case BODY_ARGUMENT:
        lines_add(l, "ARGS", e->name, e->value, true);
        break;
    case BODY_FILE:
        lines_add(l, "FILES", e->name, e->value, true);
        lines_add(l, "FILES_SIZES", e->name, bytes_of_text(number), true);
        break;
    case BODY_PART_HEADER:
        lines_add(l, "MULTIPART_PART_HEADERS", e->name, e->value, true);
        break;
    case BODY_XML_CONTENT:
        lines_add(l, "XML:/*", none, e->value, false);
        break;
    case BODY_XML_ATTRIBUTE:
        lines_add(l, "XML://@*", none, e->value, false);
        break;
    case BODY_FLAG:
        lines_add(l, body_flag_variable(e->flag), none, bytes_of_text(number), false);
        break;
    case BODY_ERROR:
        lines_add(l, "REQBODY_PROCESSOR_ERROR_MSG", none, e->value, false);
        break;
    default:
        break;
    }
    return true;
}

static uint64_t state;

static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void pick(struct text *t, const char *const *pieces, size_t count, uint32_t most)
{
    for (uint32_t n = below(most + 1); n; n--)
        text_puts(t, pieces[below((uint32_t)count)]);
}
#define PICK(t, most, ...)                                   \
    do {                                                     \
        static const char *const pieces[] = {__VA_ARGS__};   \
        pick(t, pieces, sizeof pieces / sizeof *pieces, most); \
    } while (0)

static void random_json(struct text *t, int depth)
{
    uint32_t kind = below(depth > 3 ? 5 : 8), count = below(4);
    if (kind < 4) {
        static const char *const values[] = {"1", "-2.50e+3", "true", "null", "false", "\"x\\n\\u00e4\"", "\"\"", "\"a b\""};
        text_puts(t, values[below(8)]);
    } else if (kind < 6) {
        text_puts(t, "[");
        for (uint32_t i = 0; i < count; i++) {
            text_puts(t, i ? "," : "");
            random_json(t, depth + 1);
        }
        text_puts(t, "]");
    } else {
        static const char *const keys[] = {"\"a\":", "\"\":", "\"b.c\" : ", "\"\\u0062\":"};
        text_puts(t, "{");
        for (uint32_t i = 0; i < count; i++) {
            text_puts(t, i ? ", " : "");
            text_puts(t, keys[below(4)]);
            random_json(t, depth + 1);
        }
        text_puts(t, "}");
    }
}

static void random_xml(struct text *t, int depth)
{
    text_puts(t, "<a");
    if (below(2))
        PICK(t, 1, " b='1'", " b='&lt;&amp;x'", " b=''", " c=\"&#65;\" d='q'", " xmlns:n='u' n:e='v'");
    text_puts(t, ">");
    for (uint32_t n = below(4); n; n--) {
        PICK(t, 2, "x", "&amp;", "&#x41;", "<![CDATA[<]]>", "<!-- c -->", "<?p i?>", " \n", "\xc3\xa4");
        if (depth < 3 && below(2))
            random_xml(t, depth + 1);
    }
    text_puts(t, "</a>");
}

static void random_multipart(struct text *t)
{
    static const char *const ends[] = {"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n"};
    for (uint32_t n = 1 + below(3); n; n--) {
        text_printf(t, "--B%s", ends[below(7)]);
        text_puts(t, "Content-Disposition: form-data");
        PICK(t, 3, "; name=\"a\"", "; name=b", ";name=\"c d\"", "; filename=\"f\"", ";\r\n filename='g'", "; filename*=utf-8''h",
             "; name='e'", "; name=\"x\\\"y\"", "; other=1");
        text_puts(t, ends[below(7)]);
        PICK(t, 1, "X-H: v\r\n", "X-H:\r\n", " folded\r\n", "\vfolded\r\n", "Nocolon\r\n", ": v\r\n", "content-disposition: x\r\n");
        text_puts(t, ends[below(7)]);
        PICK(t, 4, "x", "y\r\n", "\r\n", "--", "--C\r\n", "z --B", "\n", "\xff", "--B");
        text_puts(t, ends[below(7)]);
    }
    text_puts(t, below(9) ? "--B--" : "--B");
    PICK(t, 1, "\r\n", "\r\n", "\n", "\r\nafter");
}

static void damage(struct text *t)
{
    for (uint32_t n = below(3) ? 0 : 1 + below(3); n && t->len; n--) {
        uint32_t at = below((uint32_t)t->len);
        if (below(2))
            t->at[at] = "\"'<>&;=%\r\n-{}[],:B \x80"[below(21)];
        else {
            memmove(t->at + at, t->at + at + 1, t->len - at - 1);
            t->len--;
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct lines *l)
{
    qsort(l->at, l->count, sizeof *l->at, by_text);
}

static bool contains(const struct lines *l, const char *what)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strstr(l->at[i], what))
            return true;
    }
    return false;
}

static bool same(const struct lines *a, const struct lines *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->at[i], b->at[i]) == 0;
    return equal;
}

/* Which entry of the list says that these may differ; NULL when they may not. Line ends are as the peer's here. */
static const struct waf_known *known_difference(enum body_kind kind, const struct lines *own, struct bytes body)
{
    if (kind != BODY_MULTIPART)
        return NULL;
    if (has_open_quote(body) || contains(own, "header (-10)"))
        return &waf_known[KNOWN_OPEN_QUOTE];
    return contains(own, "C-T (empty)") ? &waf_known[KNOWN_EMPTY_BOUNDARY] : NULL;
}

int main(int argc, char **argv)
{
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    unsigned long bodies = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000, differ = 0, known = 0;
    printf("seed %llu\n", (unsigned long long)state);
    ModSecurity *engine = msc_init();
    msc_set_log_cb(engine, peer_log);
    RulesSet *set = msc_create_rules_set();
    const char *error = NULL;
    if (msc_rules_add(set, rules, &error) < 0) {
        printf("rules: %s\n", error);
        return 1;
    }
    for (unsigned long i = 0; i < bodies; i++) {
        static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data; boundary=B",
                                            "application/json", "text/xml"};
        enum body_kind kind = (enum body_kind)(i % 4);
        struct text body = text_new(1 << 20), type = text_new(1000);
        text_puts(&type, types[kind]);
        switch (kind) {
        case BODY_URLENCODED:
            PICK(&body, 12, "a", "=", "&", "%41", "%", "+", "%zz", "b", "%4");
            break;
        case BODY_MULTIPART:
            random_multipart(&body);
            if (below(10) == 0)
                damage(&type);
            break;
        case BODY_JSON:
            random_json(&body, 0);
            break;
        case BODY_XML:
            random_xml(&body, 0);
            break;
        }
        damage(&body);
        if (body.at)
            body.at[body.len] = 0;
        if (strncmp(text_cstr(&type), types[kind], 19) != 0 || strlen(text_cstr(&type)) != type.len) {
            text_free(&type);
            text_puts(&type, types[kind]);
        }
        if (type.len < strlen(type.at))
            type.at[type.len] = 0;
        struct lines own = {0}, peer = {0};
        struct arena *arena = arena_create(1 << 24);
        struct body_limits limits = {.peers_lines = true};
        struct body *b = body_begin(kind, bytes_of_text(type.at), &limits, (struct body_sink){own_event, &own}, arena);
        size_t cut = body.len ? below((uint32_t)body.len) : 0;
        (void)!body_feed(b, bytes_of(body.at, cut));
        (void)!body_feed(b, bytes_slice(bytes_of(body.at, body.len), cut, body.len));
        (void)!body_end(b);
        body_release(b);
        arena_destroy(arena);

        Transaction *t = msc_new_transaction(engine, set, &peer);
        msc_process_connection(t, "127.0.0.1", 1, "127.0.0.1", 2);
        msc_process_uri(t, "/", "POST", "1.1");
        msc_add_request_header(t, (const unsigned char *)"Content-Type", (const unsigned char *)type.at);
        msc_process_request_headers(t);
        msc_append_request_body(t, (const unsigned char *)(body.len ? body.at : ""), body.len);
        msc_process_request_body(t);
        msc_transaction_cleanup(t);
        sort(&own);
        sort(&peer);
        if (!same(&own, &peer)) {
            if (known_difference(kind, &own, bytes_of(body.at, body.len))) {
                known++;
            } else if (differ++ < 6) {
                printf("body %lu, %s\n---\n%.*s\n---\n", i, type.at, (int)body.len, text_cstr(&body));
                for (size_t k = 0; k < own.count; k++)
                    printf("own  %s\n", own.at[k]);
                for (size_t k = 0; k < peer.count; k++)
                    printf("peer %s\n", peer.at[k]);
            }
        }
        for (size_t k = 0; k < own.count; k++)
            free(own.at[k]);
        for (size_t k = 0; k < peer.count; k++)
            free(peer.at[k]);
        text_free(&body);
        text_free(&type);
    }
    printf("%lu bodies, %lu differ, %lu in ways that are known\n", bodies, differ, known);
    msc_rules_cleanup(set);
    msc_cleanup(engine);
    return differ != 0;
}
