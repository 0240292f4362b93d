/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request, and the answer to it where one is wanted, while an example is being made: parts by name, each already
 * encoded as it will be sent. sketch_write makes HTTP/1.1 of them.
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"

struct sketch_pair {
    struct bytes name, value;
};

struct sketch_pairs {
    struct sketch_pair *items;
    size_t count, capacity;
};

enum sketch_body {
    SKETCH_NO_BODY,
    SKETCH_FORM,      /* pairs of `form` */
    SKETCH_RAW,       /* `raw`, sent as a form */
    SKETCH_JSON,      /* `raw` is the text */
    SKETCH_XML,
    SKETCH_MULTIPART, /* `parts`: of each the header lines and the content */
    SKETCH_BROKEN,    /* multipart as `raw`, boundary and all */
};

struct sketch {
    struct arena *arena;
    bool failed; /* memory is out, or a value cannot stand where it was to */
    struct bytes method, path, protocol;
    struct bytes query; /* as it is, in place of `arguments`; `at` NULL: none */
    struct bytes line;  /* the whole first line, in place of all that; `at` NULL: none */
    struct bytes client; /* the address it comes from; empty: any */
    struct sketch_pairs arguments, headers, cookies, form, parts;
    struct sketch_pairs without; /* headers that are not sent, by name */
    enum sketch_body body;
    struct bytes raw;
    struct bytes content_type; /* of the body, where it is not the usual one; `at` NULL: the usual */
    bool answered;
    struct bytes status; /* three digits */
    struct sketch_pairs response_headers;
    struct bytes response_body;
};

/* GET / and nothing special. */
struct sketch sketch_new(struct arena *a);
void sketch_add(struct sketch *d, struct sketch_pairs *to, struct bytes name, struct bytes value);
/* In place of those of that name. */
void sketch_header(struct sketch *d, struct bytes name, struct bytes value);
/* The messages, in the sketch's arena. False when memory is out or the sketch has failed. */
bool sketch_write(struct sketch *d, struct bytes *ret_request, struct bytes *ret_response) MUST_USE;
/* Texts joined, in the arena; fails the sketch when memory is out. */
struct bytes sketch_join(struct sketch *d, struct bytes a, struct bytes b);
/* The text's bytes, which are freed. */
struct bytes sketch_keep(struct sketch *d, struct text *t);
