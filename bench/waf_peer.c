/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_peer.h"

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>

#include "waf/http/message.h"

#define MESSAGE_MEMORY ((size_t)1 << 30)

struct waf_peer {
    ModSecurity *library;
    RulesSet *rules;
};

/* What the library has made of an event: a line for the server's log, with its id in it. */
static void take_log(void *fired, const void *message)
{
    const char *id = strstr(message, "[id \"");
    if (id)
        fired_add(fired, strtol(id + 5, NULL, 10));
}

bool waf_peer_built(void)
{
    return true;
}

bool waf_peer_load(const char *text, struct waf_peer **ret)
{
    const char *error = NULL;
    struct waf_peer *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->library = msc_init();
    msc_set_log_cb(p->library, take_log);
    p->rules = msc_create_rules_set();
    if (msc_rules_add(p->rules, text, &error) < 0) {
        fprintf(stderr, "libmodsecurity does not load the rules: %s\n", error ? error : "it does not say why");
        waf_peer_free(p);
        return false;
    }
    *ret = p;
    return true;
}

void waf_peer_free(struct waf_peer *p)
{
    if (!p)
        return;
    msc_rules_cleanup(p->rules);
    msc_cleanup(p->library);
    free(p);
}

static const char *text_of(struct bytes b, struct arena *a)
{
    const char *text = arena_text(a, b.at, b.len);
    if (!text)
        abort();
    return text;
}

typedef int add_header(Transaction *, const unsigned char *, size_t, const unsigned char *, size_t);

static void add_headers(Transaction *t, const struct http_message *m, add_header *add)
{
    static const unsigned char nothing[1];
    for (size_t i = 0; i < m->header_count; i++) {
        struct bytes name = m->headers[i].name, value = m->headers[i].value;
        add(t, name.at ? name.at : nothing, name.len, value.at ? value.at : nothing, value.len);
    }
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
    msc_process_uri(t, text_of(m->target, a), text_of(m->method, a), text_of(bytes_slice(m->protocol, 5, 8), a));
    add_headers(t, m, msc_add_n_request_header);
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
    add_headers(t, m, msc_add_n_response_header);
    msc_process_response_headers(t, (int)strtol(text_of(m->status, a), NULL, 10), "HTTP/1.1");
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
    Transaction *t = msc_new_transaction(p->library, p->rules, fired);
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
