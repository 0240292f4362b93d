/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_peer.h"

#include "tests/differential/waf_library.h"

struct peer {
    struct library library;
};

static void take_log(void *context, const void *message)
{
    long id = library_logged_id(message);
    if (id)
        ids_add(context, id);
}

struct peer *peer_open(const char *rules)
{
    struct peer *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    const char *error = library_open(rules, take_log, &p->library);
    if (!error)
        return p;
    printf("# peer: %s\n", error);
    free(p);
    return NULL;
}

void peer_close(struct peer *p)
{
    if (!p)
        return;
    library_close(&p->library);
    free(p);
}

static void give_request(Transaction *t, const struct waf_options *o, const struct http_message *m, struct arena *a)
{
    msc_process_connection(t, library_text(o->client, a), o->client_port, library_text(o->server, a), o->server_port);
    library_give_line(t, m, a);
    library_add_headers(t, m, msc_add_n_request_header);
    msc_process_request_headers(t);
    if (m->body.len)
        msc_append_request_body(t, m->body.at, m->body.len);
    msc_process_request_body(t);
}

static void give_response(Transaction *t, const struct http_message *m, struct arena *a)
{
    static const unsigned char nothing[1];
    library_add_headers(t, m, msc_add_n_response_header);
    msc_process_response_headers(t, library_status(m, a), "HTTP/1.1");
    msc_append_response_body(t, m->body.at ? m->body.at : nothing, m->body.len);
    msc_process_response_body(t);
}

void peer_inspect(struct peer *p, const struct waf_options *o, const struct messages *m, struct ids *ret)
{
    struct arena *a = arena_create((size_t)1 << 26);
    if (!a)
        abort();
    Transaction *t = msc_new_transaction_with_id(p->library.self, p->library.rules, (char *)(uintptr_t)library_text(o->unique_id, a), ret);
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
