/* SPDX-License-Identifier: Apache-2.0 */
/* Section 9 of docs/packets.md: what changes at the uplink. Numbers in comments are that page's. */
#include "decide/reference.h"
#include "decide/uplink.h"

#include <netinet/in.h>

#define LOWEST_OUTER_PORT  16384
#define HIGHEST_OUTER_PORT 65535

/* Where a session with an outer port goes to, and which port that is. */
struct outer_end {
    const struct reference *r;
    int64_t now;
    uint8_t protocol;
    struct address remote;
    uint16_t remote_port; /* not ICMP's */
    uint16_t port;
    uint32_t link;                          /* the uplink's, or NONE: any */
    const struct reference_session *except; /* does not count; may be NULL */
};

static bool has_outer_end(const struct reference_session *s, const void *context)
{
    const struct outer_end *e = context;
    struct address target = session_flow(&s->key).to;
    return s != e->except && s->port == e->port && !s->published && s->key.protocol == e->protocol &&
           address_equal(&target, &e->remote) &&
           (protocol_is_icmp(s->key.family, s->key.protocol) || s->key.to_port == e->remote_port) &&
           (e->link == NONE || s->to_link == e->link) && session_is_alive(e->r, s, e->now);
}

static struct reference_session *find_outer_end(const struct outer_end *e)
{
    struct reference_session *s = sessions_any(&e->r->confirmed, has_outer_end, e);
    return s ? s : sessions_any(&e->r->unconfirmed, has_outer_end, e);
}

/* 9.1 */

/* The live session, other than this one, that has the port where this one goes to. */
static struct reference_session *holder_of(const struct reference *r, const struct reference_session *s,
                                           uint16_t port, int64_t now)
{
    struct outer_end e = {.r = r,
                          .now = now,
                          .protocol = s->key.protocol,
                          .remote = session_flow(&s->key).to,
                          .remote_port = s->key.to_port,
                          .port = port,
                          .link = NONE,
                          .except = s};
    return find_outer_end(&e);
}

/* The share of the session's workload. */
struct share {
    uint32_t first, last;
};

static struct share share_of(const struct reference *r, const struct reference_session *s)
{
    const struct link *l = &r->links[s->from_link];
    if (!l->outer_count)
        return (struct share){LOWEST_OUTER_PORT, HIGHEST_OUTER_PORT};
    return (struct share){l->outer_first, l->outer_first + l->outer_count - 1u};
}

static bool may_be_outer(const struct reference *r, const struct reference_session *s, uint16_t port)
{
    struct share share = share_of(r, s);
    return port >= share.first && port <= share.last && !uplink_published(r->policy, s->key.protocol, port);
}

static bool may_be_taken_from(const struct reference_session *s)
{
    return s->closing || !s->confirmed;
}

/* A port is taken from `a` before one is from `b`. */
static bool comes_before(const struct reference_session *a, const struct reference_session *b)
{
    return a->closing != b->closing ? a->closing : a->last < b->last;
}

/* A port that nobody has; else 0 and the session that one is to be taken from, NULL where there is none. */
static uint16_t find_outer_port(const struct reference *r, const struct reference_session *s, int64_t now,
                                struct reference_session **ret_from)
{
    struct share share = share_of(r, s);
    *ret_from = NULL;
    for (uint32_t port = share.last; port >= share.first; port--) {
        if (!may_be_outer(r, s, (uint16_t)port))
            continue;
        struct reference_session *holder = holder_of(r, s, (uint16_t)port, now);
        if (!holder)
            return (uint16_t)port;
        if (may_be_taken_from(holder) && (!*ret_from || comes_before(holder, *ret_from)))
            *ret_from = holder;
    }
    return 0;
}

bool choose_outer_port(struct reference *r, struct reference_session *s, int64_t now)
{
    struct reference_session *from;
    uint16_t port = find_outer_port(r, s, now, &from);
    if (!port && !from)
        return false;
    s->port = port ? port : from->port;
    s->guessed = true;
    if (!port)
        end_session(r, from);
    return true;
}

bool keep_outer_port(const struct reference *r, struct reference_session *s, uint16_t before)
{
    if (!may_be_outer(r, s, before))
        return false;
    s->port = before;
    return true;
}

bool reference_outer_port(struct reference *r, uint16_t port)
{
    struct reference_session *s = r->last;
    if (!s || !s->guessed)
        return s && s->port == port;
    if (!may_be_outer(r, s, port))
        return false;
    struct reference_session *holder = holder_of(r, s, port, r->now);
    if (holder && !holder->guessed)
        return false;
    s->port = port;
    s->guessed = false;
    r->last = NULL;
    /* What was only guessed gives way. */
    return !holder || choose_outer_port(r, holder, r->now);
}

bool is_translatable(const struct passage *w)
{
    const struct packet *p = &w->packet;
    if (!w->session)
        return false;
    /* An error is judged by its session: it leaves as that one's packets do. */
    return protocol_is_translated(p->from.family, w->is_error ? w->session->key.protocol : p->protocol);
}

/* 9.2 and 9.3: coming in */

/* The outer address that the packet came in to; NULL: it did not. */
static const struct address *outer_address_met(const struct passage *w)
{
    const struct address *outer = uplink_outer_address(w->r->policy, w->packet.to.family);
    return w->by_uplink && outer && address_equal(outer, &w->packet.to) ? outer : NULL;
}

/* Where a published port leads. */
static bool find_published(const struct passage *w, uint8_t protocol, uint16_t port, struct address *ret_to,
                           uint16_t *ret_port)
{
    const struct policy *p = w->r->policy;
    const struct publish *e = uplink_published(p, protocol, port);
    const struct address *to =
        e ? workload_first_address(&p->workloads[e->workload], w->packet.to.family) : NULL;
    if (!to)
        return false;
    *ret_to = *to;
    *ret_port = e->workload_port;
    return true;
}

static bool may_be_reply(const struct packet *p)
{
    if (protocol_is_icmp(p->from.family, p->protocol))
        return icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code) == ICMP_ECHO_ANSWER;
    return !packet_is_plain_syn(p);
}

/* The session that has the outer port, where it is still found (6.1). */
static struct reference_session *find_translated(const struct outer_end *e)
{
    struct reference_session *s = find_outer_end(e);
    return s && (s->confirmed || session_ends_at(e->r, s, true)) ? s : NULL;
}

void translate_in(struct passage *w)
{
    struct packet *p = &w->packet;
    if (!outer_address_met(w) || p->header_cut || !protocol_is_translated(p->from.family, p->protocol))
        return;
    struct outer_end e = {.r = w->r,
                          .now = w->now,
                          .protocol = p->protocol,
                          .remote = p->from,
                          .remote_port = p->from_port,
                          .port = p->to_port,
                          .link = w->link};
    struct reference_session *s = may_be_reply(p) ? find_translated(&e) : NULL;
    uint16_t port = p->to_port;
    if (s) {
        w->session = s;
        p->to = session_flow(&s->key).from;
        p->to_port = s->key.from_port;
        if (protocol_is_icmp(p->from.family, p->protocol))
            p->from_port = p->to_port;
    } else if (find_published(w, p->protocol, port, &p->to, &p->to_port)) {
        w->published = port;
    }
}

void translate_error(struct passage *w)
{
    struct quoted *q = &w->quoted;
    const struct address *outer = outer_address_met(w);
    if (!outer || !address_equal(outer, &q->from) || !protocol_is_translated(q->from.family, q->protocol))
        return;
    struct outer_end e = {.r = w->r,
                          .now = w->now,
                          .protocol = q->protocol,
                          .remote = q->to,
                          .remote_port = q->to_port,
                          .port = q->from_port,
                          .link = w->link};
    /* An echo answer is never in the direction of a session that began here. */
    struct reference_session *s = q->icmp == ICMP_ECHO_ANSWER ? NULL : find_translated(&e);
    if (s) {
        w->session = s;
        q->from = session_flow(&s->key).from;
        q->from_port = s->key.from_port;
        if (protocol_is_icmp(q->from.family, q->protocol))
            q->to_port = q->from_port;
    } else if (!find_published(w, q->protocol, q->from_port, &q->from, &q->from_port)) {
        return;
    }
    w->packet.to = q->from;
}

bool publish_still_leads(const struct policy *p, const struct reference_session *s)
{
    if (!s->published)
        return true;
    struct address to = session_flow(&s->key).to;
    const struct publish *e = uplink_published(p, s->key.protocol, s->port);
    const struct address *leads = e ? workload_first_address(&p->workloads[e->workload], to.family) : NULL;
    return leads && uplink_outer_address(p, to.family) && address_equal(leads, &to) &&
           e->workload_port == s->key.to_port;
}

/* Leaving */

/* The packet's own ends, and those of what it quotes, without any translation. */
static void ends_as_they_are(const struct passage *w, struct packet_verdict *v)
{
    const struct packet *p = &w->packet;
    const struct quoted *q = &w->quoted;
    v->out =
        (struct packet_ends){.from = p->from, .to = p->to, .from_port = p->from_port, .to_port = p->to_port};
    v->quotes = w->quotes;
    if (w->quotes)
        v->quoted = (struct packet_ends){
            .from = q->from, .to = q->to, .from_port = q->from_port, .to_port = q->to_port};
}

void translate_out(const struct passage *w, uint32_t to, struct packet_verdict *v)
{
    const struct reference_session *s = w->session;
    uint8_t family = w->packet.from.family;
    const struct address *outer = uplink_outer_address(w->r->policy, family);
    ends_as_they_are(w, v);
    if (w->r->links[to].workload != NONE || !outer || !s || !s->port)
        return;
    bool echo = protocol_is_icmp(family, s->key.protocol);
    v->port_guessed = s->guessed;
    v->out.from = *outer;
    if (w->is_error) {
        v->quoted.to = *outer;
        v->quoted.to_port = s->port;
        if (echo)
            v->quoted.from_port = s->port;
    } else {
        v->out.from_port = s->port;
        if (echo)
            v->out.to_port = s->port;
    }
}
