/* SPDX-License-Identifier: Apache-2.0 */
/* The Core Rule Set at paranoia level 4, and requests made of many times the same. */
#pragma once

#include "ready.h"

#define CRS_FOLDER "/usr/share/modsecurity-crs/rules/"
#define CRS_BASE "/etc/nginx/modsecurity.conf"
#define CRS_RULES(base)                                                                                                       \
    base "Include /etc/modsecurity/crs/crs-setup.conf\n"                                                                      \
         "SecAction \"id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=4,setvar:tx.blocking_paranoia_level=4\"\n" \
         "Include " CRS_FOLDER "*.conf\n"

/* A text of its own, freed by the caller as its `at`. */
static inline struct bytes worst_repeated(struct bytes before, const char *piece, size_t count, const char *after)
{
    size_t len = strlen(piece), end = strlen(after), total = before.len + len * count + end;
    uint8_t *all = malloc(total + 1);
    assert_non_null(all);
    memcpy(all, before.at, before.len);
    for (size_t i = 0; i < count; i++)
        memcpy(all + before.len + i * len, piece, len);
    memcpy(all + before.len + count * len, after, end);
    return bytes_of(all, total);
}

/* A POST whose body is `before`, `count` times `piece`, and `after`. */
static inline struct bytes worst_request(const char *type, const char *before, const char *piece, size_t count, const char *after)
{
    struct text head = text_new((size_t)1 << 20);
    text_printf(&head, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\n\r\n%s", type, before);
    assert_false(head.failed);
    struct bytes all = worst_repeated(bytes_of_text(text_cstr(&head)), piece, count, after);
    text_free(&head);
    return all;
}

/* `before`, then for each of `count` numbers `left`, it, `between`, it and `right`, then `after`. */
static inline struct bytes worst_numbered(const char *before, const char *left, const char *between, const char *right, size_t count, const char *after)
{
    struct text all = text_new((size_t)128 << 20);
    text_puts(&all, before);
    for (size_t i = 0; i < count; i++)
        text_printf(&all, "%s%zu%s%zu%s", left, i, between, i, right);
    text_puts(&all, after);
    assert_false(all.failed);
    struct bytes copy = joined(bytes_of_text(text_cstr(&all)), (struct bytes){0});
    text_free(&all);
    return copy;
}

/* JSON of `count` pairs, with `depth` objects around them: each pair's name leads through all of these. */
static inline struct bytes worst_nested_pairs(size_t depth, size_t count)
{
    struct text all = text_new((size_t)64 << 20);
    text_puts(&all, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n");
    for (size_t i = 0; i < depth; i++)
        text_puts(&all, "{\"name of a member\":");
    text_puts(&all, "{");
    for (size_t i = 0; i < count; i++)
        text_printf(&all, "\"a%zu\":0,", i);
    text_puts(&all, "\"z\":0}");
    for (size_t i = 0; i < depth; i++)
        text_puts(&all, "}");
    assert_false(all.failed);
    struct bytes copy = joined(bytes_of_text(text_cstr(&all)), (struct bytes){0});
    text_free(&all);
    return copy;
}
