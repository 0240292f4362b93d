/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_peer.h"

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>

struct peer {
    ModSecurity *library;
    RulesSet *rules;
};

/* A line for the server's log, with the rule's id in it. */
static void take_log(void *context, const void *message)
{
    const char *id = strstr(message, "[id \"");
    if (id)
        ids_add(context, strtol(id + 5, NULL, 10));
}

struct peer *peer_open(const char *rules)
{
    const char *error = NULL;
    struct peer *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->library = msc_init();
    msc_set_log_cb(p->library, take_log);
    p->rules = msc_create_rules_set();
    if (msc_rules_add(p->rules, rules, &error) >= 0)
        return p;
    printf("# peer: %s\n", error ? error : "it does not say why");
    peer_close(p);
    return NULL;
}

void peer_close(struct peer *p)
{
    if (!p)
        return;
    msc_rules_cleanup(p->rules);
    msc_cleanup(p->library);
    free(p);
}

static const char *text_of(struct bytes b, struct arena *a)
{
    const char *text = arena_text(a, b.len ? (const char *)b.at : "", b.len);
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

static void give_request(Transaction *t, const struct waf_options *o, const struct http_message *m, struct arena *a)
{
    msc_process_connection(t, text_of(o->client, a), o->client_port, text_of(o->server, a), o->server_port);
    msc_process_uri(t, text_of(m->target, a), text_of(m->method, a), text_of(bytes_slice(m->protocol, 5, 8), a));
    add_headers(t, m, msc_add_n_request_header);
    msc_process_request_headers(t);
    if (m->body.len)
        msc_append_request_body(t, m->body.at, m->body.len);
    msc_process_request_body(t);
}

static void give_response(Transaction *t, const struct http_message *m, struct arena *a)
{
    static const unsigned char nothing[1];
    add_headers(t, m, msc_add_n_response_header);
    msc_process_response_headers(t, (int)strtol(text_of(m->status, a), NULL, 10), "HTTP/1.1");
    msc_append_response_body(t, m->body.at ? m->body.at : nothing, m->body.len);
    msc_process_response_body(t);
}

void peer_inspect(struct peer *p, const struct waf_options *o, const struct messages *m, struct ids *ret)
{
    struct arena *a = arena_create((size_t)1 << 26);
    if (!a)
        abort();
    Transaction *t = msc_new_transaction_with_id(p->library, p->rules, (char *)(uintptr_t)text_of(o->unique_id, a), ret);
    give_request(t, o, &m->request, a);
    give_response(t, &m->response, a);
    msc_process_logging(t);
    msc_transaction_cleanup(t);
    arena_destroy(a);
}

void show_ids(const char *who, const struct ids *ids)
{
    printf("#   %-6s", who);
    for (size_t i = 0; i < ids->count; i++)
        printf(" %ld", ids->items[i]);
    printf("\n");
}
