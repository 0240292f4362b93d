/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that are meant for single rules of the Core Rule Set: those that random messages fire too seldom to be sure of,
 * or that need a set-up, a client, or other requests before them. And the rules that nothing can fire.
 */
#pragma once

#include "tests/differential/waf_setups.h"

struct waf_story {
    enum setup setup;
    int level;
    /* What is sent, one after another: lines may end in \n; Content-Length is added to a body where it is not there and the
     * headers do not say Transfer-Encoding. `times`: how often; 0 is 1. */
    const char *request, *response; /* NULL: 200, with a short page */
    unsigned times;
    const char *client;             /* NULL: 127.0.0.1 */
    const char *unique_id;          /* NULL: one for all */
};

extern const struct waf_story waf_stories[];
extern const size_t waf_story_count;

/* A story's message as it is sent. */
void story_request_print(const char *request, struct text *out);
void story_response_print(const char *response, struct text *out);

struct waf_unfired {
    long id;
    const char *why;
};

/* No message fires these. */
extern const struct waf_unfired waf_never[];
extern const size_t waf_never_count;
/* The peer does not fire these, or does not say so, whatever the message. */
extern const struct waf_unfired waf_never_in_peer[];
extern const size_t waf_never_in_peer_count;
