/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the differential tests of the web rules share: rules loaded and made ready to run, raw messages through them, and
 * all that is said of these as text, to be compared and shown.
 */
#pragma once

#include "base/text.h"
#include "tests/unit/waf/language/files.h"
#include "waf/engine/engine.h"
#include "waf/image/image.h"

/* What the rules are, besides files, which they may include where `disk` is. */
struct harness {
    struct arena *arena;
    struct test_file made[2];
    struct test_files files;
    struct sources sources;
    const struct waf_rule_set *set;
};

/* `text` must live as long. False: the rules do not load; nothing is left to free. */
bool harness_open(const char *text, bool disk, size_t memory, struct harness *ret) MUST_USE;
void harness_close(struct harness *h);

struct harness_engine {
    struct waf_program program;
    struct waf_scratch scratch;
    struct compiled *compiled;
    uint8_t *image;
    size_t piece; /* bodies are given in pieces of so many bytes; 0: with their messages */
};

/* False: they do not compile. Freed in any case, before the harness is closed. */
bool harness_engine_open(struct harness *h, bool plan, struct harness_engine *ret) MUST_USE;
/* The same with a plan, by the image of one that was compiled; what it must not compile anew. */
bool harness_engine_open_again(struct harness *h, const struct harness_engine *compiled, struct harness_engine *ret) MUST_USE;
void harness_engine_close(struct harness_engine *e);

/* Raw messages, as they are sent. */
struct exchange {
    struct text request, response;
};

struct exchange exchange_new(void);
void exchange_free(struct exchange *x);

/* The same, taken apart. */
struct messages {
    struct http_message request, response;
};

/* False: they are no HTTP. */
bool exchange_read(const struct exchange *x, struct arena *a, struct messages *ret) MUST_USE;

/* A client that is this machine, at one time for ever. */
struct waf_options harness_options(void);
/* The whole of a transaction, in `a`. */
const struct waf_outcome *harness_inspect(struct harness_engine *e, const struct waf_options *o, const struct messages *m, struct arena *a, struct waf_transaction **ret);

/* ---- in words; two texts are the same when the bytes are */

void print_bytes(struct text *out, const char *what, struct bytes b);
void print_values(struct text *out, const char *what, const struct waf_value *items, size_t count);
void print_outcome(struct text *out, const struct waf_rule_set *set, const struct waf_outcome *outcome);
/* On standard output, as comments of TAP; what is not printable as {hexadecimal}. */
void show(const char *what, const struct text *t);

/* The Core Rule Set as Debian installs it, on nginx's base configuration. */
#define HARNESS_BASE "/etc/nginx/modsecurity.conf"
#define HARNESS_SETUP "/etc/modsecurity/crs/crs-setup.conf"
#define HARNESS_RULES "/usr/share/modsecurity-crs/rules"
