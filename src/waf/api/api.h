/* SPDX-License-Identifier: Apache-2.0 */
/* What the handles of the public interface are. Only the files of this folder need it. */
#pragma once

#include "bulkhead/waf.h"
#include "waf/api/owners.h"
#include "waf/log/outcome.h"
#include "waf/store/memory.h"

struct bh_waf_rules {
    struct owners owners;
    struct arena *arena;
    const struct waf_rule_set *set;
    struct compiled *compiled; /* what the program is made of */
    struct waf_program program;
};

struct bh_waf_scratch {
    struct bh_waf_rules *rules;
    struct waf_scratch scratch;
};

struct bh_waf_store {
    struct memory_store *memory;         /* or NULL: */
    struct bh_waf_store_functions asked; /* the caller's */
    struct waf_store lent;
};

enum api_step {
    STEP_NEW,
    STEP_CONNECTED,
    STEP_REQUEST,      /* its head was given */
    STEP_REQUEST_END,
    STEP_RESPONSE,
    STEP_RESPONSE_END,
    STEP_ENDED,
};

struct bh_waf_transaction {
    struct bh_waf_rules *rules;
    struct arena *arena;
    struct bh_waf_options asked; /* functions and their context */
    struct waf_options options;  /* the engine's */
    enum api_step step;          /* the last one that was taken */
    struct waf_transaction *engine; /* NULL: not begun, or it could not be */
    struct waf_outcome unread;   /* of a head that no rule has seen: refused */
    const struct waf_outcome *outcome; /* once ended */
    struct text json;
};

static inline struct bytes bytes_given(struct bh_waf_bytes b)
{
    return bytes_of(b.at, b.len);
}

static inline struct bh_waf_bytes bytes_told(struct bytes b)
{
    return (struct bh_waf_bytes){b.at, b.len};
}

/* A length needs bytes. */
static inline bool is_readable(struct bh_waf_bytes b)
{
    return b.at || !b.len;
}

/* What stands now, or came of it. */
const struct waf_outcome *api_outcome(const struct bh_waf_transaction *t);

/* ---- heads.c: copies that live as long as the arena. MISUSE, NO_MEMORY, NOT_HTTP. */
enum bh_waf_result request_copy(const struct bh_waf_request *from, struct arena *a, struct http_message *ret) MUST_USE;
enum bh_waf_result response_copy(const struct bh_waf_response *from, struct arena *a, struct http_message *ret) MUST_USE;
enum bh_waf_result head_read(struct bh_waf_bytes head, bool response, struct arena *a, struct http_message *ret) MUST_USE;

/* ---- surroundings.c */

/* What the engine asks for, from what the caller lends. False when memory is out. */
bool surroundings_set(struct bh_waf_transaction *t) MUST_USE;
