/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.x message (RFC 9112) as bytes, taken apart into what rules look at. It judges nothing that rules can
 * judge: a strange method, a header without a name a rule may refuse. What has no parts at all is an error.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

/* More header lines than this are an error: no server takes them. */
#define HTTP_HEADERS_MAX 4096

struct http_header {
    struct bytes name, value; /* as sent, less the white space around the value */
};

struct http_message {
    struct bytes line; /* the first one, without its end */
    union {
        struct {
            struct bytes method, target, protocol; /* protocol: "HTTP/1.1"; empty when there is none (HTTP/0.9) */
        };
        struct {
            struct bytes response_protocol, status, reason;
        };
    };
    struct http_header *headers;
    size_t header_count;
    struct bytes body; /* chunks put together (RFC 9112, 7.1) */
};

/* The error, itself, where it is no fault of the message. */
extern const char http_no_memory[];

/*
 * Views into `raw`, but for the list of headers and a body that came in chunks, which are the arena's. False: not HTTP,
 * `*ret_error` says why, in a sentence without a full stop.
 */
bool http_request_read(struct bytes raw, struct arena *a, struct http_message *ret, const char **ret_error) MUST_USE;
bool http_response_read(struct bytes raw, struct arena *a, struct http_message *ret, const char **ret_error) MUST_USE;

/* The first header of that name, whatever its case; NULL when there is none. */
const struct http_header *http_header_find(const struct http_message *m, const char *name);
