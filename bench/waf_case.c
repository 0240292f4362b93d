/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_case.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/input.h"
#include "waf/http/message.h"

#define FILE_MAX ((size_t)128 << 20)
#define READING_MEMORY ((size_t)1 << 30)

static void find_tokens(struct waf_case *c)
{
    size_t capacity = 0;
    for (uint8_t *at = c->raw; (at = memmem(at, c->len - (size_t)(at - c->raw), WAF_TOKEN, WAF_TOKEN_LEN)); at += WAF_TOKEN_LEN) {
        if (c->token_count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            c->tokens = reallocarray(c->tokens, capacity, sizeof *c->tokens);
            if (!c->tokens)
                abort();
        }
        c->tokens[c->token_count++] = (size_t)(at - c->raw);
    }
}

struct waf_case waf_case_of(const char *name, struct bytes raw)
{
    struct waf_case c = {.raw = malloc(raw.len + 1), .len = raw.len};
    if (!c.raw)
        abort();
    snprintf(c.name, sizeof c.name, "%s", name);
    if (raw.len)
        memcpy(c.raw, raw.at, raw.len);
    find_tokens(&c);
    return c;
}

void waf_case_free(struct waf_case *c)
{
    free(c->raw);
    free(c->tokens);
}

/* One to one (the end of SplitMix64, Steele et al. 2014): no two numbers have one token. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void waf_case_stamp(struct waf_case *c, uint64_t number)
{
    static const char letters[16] = {'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't'};
    char token[WAF_TOKEN_LEN];
    uint64_t mixed = mix(number);
    for (size_t i = 0; i < WAF_TOKEN_LEN; i++)
        token[i] = letters[mixed >> (4 * i) & 15];
    for (size_t i = 0; i < c->token_count; i++)
        memcpy(c->raw + c->tokens[i], token, WAF_TOKEN_LEN);
}

void waf_cases_add(struct waf_cases *cases, const char *name, struct bytes raw)
{
    struct waf_case *grown = reallocarray(cases->items, cases->count + 1, sizeof *grown);
    if (!grown)
        abort();
    cases->items = grown;
    grown[cases->count++] = waf_case_of(name, raw);
}

void waf_cases_free(struct waf_cases *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        waf_case_free(&cases->items[i]);
    free(cases->items);
    *cases = (struct waf_cases){0};
}

/* ---- files */

/* The token's header behind the first line, with the same line end. */
static void add_token(struct bytes raw, struct text *out)
{
    const uint8_t *newline = memchr(raw.at, '\n', raw.len);
    size_t first = newline ? (size_t)(newline - raw.at) + 1 : raw.len;
    bool bare = first >= 2 && newline && raw.at[first - 2] != '\r';
    text_append(out, raw.at, first);
    text_puts(out, newline ? "" : "\r\n");
    text_puts(out, bare ? "X-Bench: " WAF_TOKEN "\n" : "X-Bench: " WAF_TOKEN "\r\n");
    text_append(out, raw.at + first, raw.len - first);
}

static bool is_http(const char *path, struct bytes raw)
{
    struct arena *a = arena_create(READING_MEMORY);
    struct http_message request;
    const char *error = "out of memory";
    bool ok = a && http_request_read(raw, a, &request, &error);
    if (!ok)
        fprintf(stderr, "%s: left out: %s\n", path, error);
    arena_destroy(a);
    return ok;
}

static void read_case(const char *path, struct waf_cases *cases)
{
    struct input in;
    const char *why;
    if (!input_read(path, FILE_MAX, &in, &why)) {
        fprintf(stderr, "%s: left out: %s\n", path, why);
        return;
    }
    if (is_http(path, input_bytes(&in))) {
        struct text raw = text_new(2 * FILE_MAX);
        const char *slash = strrchr(path, '/');
        add_token(input_bytes(&in), &raw);
        waf_cases_add(cases, slash ? slash + 1 : path, bytes_of(raw.at, raw.len));
        text_free(&raw);
    }
    input_free(&in);
}

bool waf_cases_read(const char *folder, struct waf_cases *ret)
{
    struct text pattern = text_new(4096);
    glob_t found;
    if (access(folder, R_OK | X_OK) != 0) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return false;
    }
    text_printf(&pattern, "%s/*.http", folder);
    *ret = (struct waf_cases){0};
    if (glob(text_cstr(&pattern), 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            read_case(found.gl_pathv[i], ret);
        globfree(&found);
    }
    text_free(&pattern);
    if (!ret->count)
        fprintf(stderr, "%s: no *.http in it\n", folder);
    return ret->count > 0;
}
