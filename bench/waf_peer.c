/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_peer.h"

#include <stdio.h>

#include "tests/differential/waf_library.h"

#define MESSAGE_MEMORY ((size_t)1 << 30)

struct waf_peer {
    struct library library;
};

static void take_log(void *fired, const void *message)
{
    long id = library_logged_id(message);
    if (id)
        fired_add(fired, id);
}

bool waf_peer_built(void)
{
    return true;
}

bool waf_peer_load(const char *text, struct waf_peer **ret)
{
    struct waf_peer *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    const char *error = library_open(text, take_log, &p->library);
    if (error) {
        fprintf(stderr, "libmodsecurity does not load the rules: %s\n", error);
        free(p);
        return false;
    }
    *ret = p;
    return true;
}

void waf_peer_free(struct waf_peer *p)
{
    if (!p)
        return;
    library_close(&p->library);
    free(p);
}

/* The server asks after each phase, and answers itself when the transaction is refused. */
static bool is_refused(Transaction *t)
{
    ModSecurityIntervention i = {.status = 200};
    if (!msc_intervention(t, &i))
        return false;
    free(i.url);
    free(i.log);
    return true;
}

/* True when it was not refused. */
static bool give_request(Transaction *t, const struct http_message *m, struct arena *a)
{
    msc_process_connection(t, "127.0.0.1", 0, "127.0.0.1", 80);
    library_give_line(t, m, a);
    library_add_headers(t, m, msc_add_n_request_header);
    msc_process_request_headers(t);
    if (is_refused(t))
        return false;
    if (m->body.len)
        msc_append_request_body(t, m->body.at, m->body.len);
    msc_process_request_body(t);
    return !is_refused(t);
}

static void give_response(Transaction *t, const struct http_message *m, struct arena *a)
{
    library_add_headers(t, m, msc_add_n_response_header);
    msc_process_response_headers(t, library_status(m, a), "HTTP/1.1");
    if (is_refused(t))
        return;
    msc_append_response_body(t, m->body.at, m->body.len);
    msc_process_response_body(t);
}

static void inspect(void *engine, struct bytes raw_request, struct bytes raw_response, struct fired *fired)
{
    struct waf_peer *p = engine;
    struct arena *a = arena_create(MESSAGE_MEMORY);
    struct http_message request, response;
    const char *error;
    if (!a || !http_request_read(raw_request, a, &request, &error) || !http_response_read(raw_response, a, &response, &error))
        abort();
    Transaction *t = msc_new_transaction(p->library.self, p->library.rules, fired);
    if (give_request(t, &request, a))
        give_response(t, &response, a);
    msc_process_logging(t);
    msc_transaction_cleanup(t);
    arena_destroy(a);
}

struct contender waf_peer_contender(struct waf_peer *p)
{
    return (struct contender){"libmodsecurity", p, inspect};
}
