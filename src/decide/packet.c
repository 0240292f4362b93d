/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of docs/packets.md, one function each, in its order; numbers in comments are its sections. */
#include "decide/packet.h"

#include "decide/reference.h"
#include "decide/uplink.h"

#include <netinet/in.h>
#include <stdlib.h>

struct reference *reference_create(const struct reference_options *o)
{
    struct reference *r = calloc(1, sizeof *r);
    if (r)
        r->options = *o;
    return r;
}

void reference_destroy(struct reference *r)
{
    if (!r)
        return;
    sessions_free(&r->confirmed);
    sessions_free(&r->unconfirmed);
    free(r->fragments);
    free(r->links);
    free(r);
}

bool reference_set_links(struct reference *r, const struct link *links, uint32_t link_count)
{
    struct link *copy = calloc(link_count ? link_count : 1, sizeof *copy);
    if (!copy)
        return false;
    if (link_count)
        memcpy(copy, links, link_count * sizeof *copy);
    free(r->links);
    r->links = copy;
    r->link_count = link_count;
    return true;
}

bool reference_apply(struct reference *r, const struct policy *p, int64_t compiled, const struct link *links,
                     uint32_t link_count)
{
    if (!reference_set_links(r, links, link_count))
        return false;
    r->policy = p;
    r->compiled = compiled;
    r->generation++;
    return true;
}

static int64_t seconds_of(int64_t ns)
{
    return ns / SECOND_NS - (ns % SECOND_NS < 0);
}

static struct moment moment_of(const struct passage *w)
{
    return (struct moment){.compiled = w->r->compiled, .now = seconds_of(w->now)};
}

static struct packet_verdict refuse(enum bulkhead_reason reason, uint32_t rule)
{
    return (struct packet_verdict){
        .verdict = {.allow = false, .enforced = true, .reason = reason, .rule = rule},
        .passes = false,
        .to_link = NONE};
}

/* Delivery (8). */

static uint32_t link_of_workload(const struct reference *r, uint32_t workload)
{
    for (uint32_t i = 0; i < r->link_count; i++) {
        if (r->links[i].workload == workload)
            return i;
    }
    return NONE;
}

/* The link that leads to the address, or NONE. */
static uint32_t link_towards(const struct reference *r, const struct address *to)
{
    if (policy_segment_of(r->policy, to) == NONE) /* the uplink's link has no workload */
        return uplink_outer_address(r->policy, to->family) ? link_of_workload(r, NONE) : NONE;
    uint32_t workload = policy_workload_of(r->policy, to);
    return workload == NONE ? NONE : link_of_workload(r, workload);
}

/* 8.1. REASONS and the link when it can be delivered. */
static enum bulkhead_reason find_link(const struct passage *w, uint32_t *ret_link)
{
    const struct policy *p = w->r->policy;
    const struct address *to = &w->packet.to;
    bool world = policy_segment_of(p, to) == NONE, in_session = w->session && !w->begins;
    if (w->by_uplink && !in_session && !w->published)
        return REASON_NO_UPLINK;
    uint32_t link = link_towards(w->r, to);
    if (world && (link == NONE || (p->uplink.nat && !is_translatable(w))))
        return REASON_NO_UPLINK;
    if (!world && policy_workload_of(p, to) == NONE)
        return REASON_NO_SUCH_WORKLOAD;
    if (link == NONE)
        return REASON_NOT_RUNNING;
    if (link == w->link)
        return REASON_NO_SUCH_WORKLOAD;
    *ret_link = link;
    return REASONS;
}

/* 8.2 and 8.3, and what it leaves as. */
static struct packet_verdict send_to(const struct passage *w, uint32_t link, struct verdict v)
{
    if (w->packet.length > w->r->links[link].mtu)
        return refuse(REASON_TOO_BIG, v.rule);
    if (w->packet.ttl <= 1)
        return refuse(REASON_TTL, v.rule);
    struct packet_verdict sent = {.verdict = v, .passes = true, .to_link = link};
    translate_out(w, link, &sent);
    return sent;
}

static struct packet_verdict deliver_packet(const struct passage *w, struct verdict v)
{
    uint32_t link;
    enum bulkhead_reason reason = find_link(w, &link);
    return reason == REASONS ? send_to(w, link, v) : refuse(reason, v.rule);
}

/* Sessions (6). */

static int64_t timeout_of(const struct reference_session *s, const struct timeouts *t)
{
    if (!s->confirmed)
        return t->unconfirmed;
    if (s->key.protocol == IPPROTO_TCP)
        return s->closing ? t->tcp_closing : t->tcp;
    return protocol_is_icmp(s->key.family, s->key.protocol) ? t->icmp : t->other;
}

struct instant {
    const struct timeouts *timeouts;
    int64_t now;
};

static bool is_alive(const struct reference_session *s, const void *context)
{
    const struct instant *i = context;
    return i->now - s->last < timeout_of(s, i->timeouts) * SECOND_NS;
}

bool session_is_alive(const struct reference *r, const struct reference_session *s, int64_t now)
{
    struct instant i = {.timeouts = &r->policy->timeouts, .now = now};
    return is_alive(s, &i);
}

static struct sessions *table_of(struct reference *r, const struct reference_session *s)
{
    return s->confirmed ? &r->confirmed : &r->unconfirmed;
}

void end_session(struct reference *r, struct reference_session *s)
{
    sessions_remove(table_of(r, s), s);
}

/* The live session under the key in one table. */
static struct reference_session *find_in(const struct passage *w, struct sessions *t,
                                         const struct session_key *k)
{
    struct reference_session *s = sessions_find(t, k);
    if (!s || session_is_alive(w->r, s, w->now))
        return s;
    sessions_remove(t, s);
    return NULL;
}

/* What to look for: a key in the packet's direction, and the link on the side that the packet was seen at. */
struct wanted {
    struct session_key key;
    bool forward, reply; /* which directions count */
    uint32_t link;
    bool at_far_side; /* `link` is where the packet was sent to (quotations), not where it came from */
};

static bool is_on_link(const struct reference_session *s, const struct wanted *want, bool reply)
{
    bool at_from = reply == want->at_far_side;
    return (at_from ? s->from_link : s->to_link) == want->link;
}

bool session_ends_at(const struct reference *r, const struct reference_session *s, bool from)
{
    const struct flow f = session_flow(&s->key);
    const struct address *end = from ? &f.from : &f.to;
    uint32_t workload = policy_workload_of(r->policy, end);
    bool nowhere = workload == NONE && policy_segment_of(r->policy, end) != NONE;
    return !nowhere && link_of_workload(r, workload) == (from ? s->from_link : s->to_link);
}

/* 6.1: as forward, then as reply; each confirmed, then unconfirmed. */
static struct reference_session *find_session(const struct passage *w, const struct wanted *want,
                                              bool *ret_reply)
{
    struct session_key reversed = session_key_reversed(&want->key);
    struct sessions *tables[] = {&w->r->confirmed, &w->r->unconfirmed};
    for (int reply = 0; reply < 2; reply++) {
        if (!(reply ? want->reply : want->forward))
            continue;
        for (size_t i = 0; i < 2; i++) {
            struct reference_session *s = find_in(w, tables[i], reply ? &reversed : &want->key);
            if (s && is_on_link(s, want, reply) &&
                (s->confirmed || session_ends_at(w->r, s, reply != want->at_far_side))) {
                *ret_reply = reply;
                return s;
            }
        }
    }
    return NULL;
}

/* It leaves by the uplink with the source that the policy wants. */
static bool still_translates(const struct reference *r, const struct reference_session *s)
{
    return s->port || !r->policy->uplink.nat || r->links[s->to_link].workload != NONE;
}

/* Its destination is on the link that it was on, and so is its source, which the world has by no link but the uplink. */
static bool is_where_it_was(const struct reference *r, const struct reference_session *s, const struct flow *f)
{
    bool by_uplink = r->links[s->from_link].workload == NONE;
    return link_towards(r, &f->to) == s->to_link && (by_uplink || link_towards(r, &f->from) == s->from_link);
}

/* 6.2. False: no longer allowed or no longer led to where it was, and removed; `ret_rule` is the rule that it
 * had. */
static bool renew(const struct passage *w, struct reference_session *s, uint32_t *ret_rule)
{
    struct reference *r = w->r;
    struct moment m = moment_of(w);
    if (s->generation == r->generation && m.now < s->until)
        return true;
    struct flow f = session_flow(&s->key);
    struct span span = decide_span(r->policy, &f, m);
    if ((!span.verdict.allow && span.verdict.enforced) || !is_where_it_was(r, s, &f) ||
        !publish_still_leads(r->policy, s) || !still_translates(r, s)) {
        *ret_rule = s->verdict.rule;
        end_session(r, s);
        return false;
    }
    s->verdict = span.verdict;
    s->until = span.until;
    s->generation = r->generation;
    return true;
}

static bool confirms(const struct reference_session *s, const struct packet *p, bool reply)
{
    if (s->confirmed || reply || !s->answered)
        return false;
    if (p->protocol != IPPROTO_TCP)
        return true;
    return (p->tcp_flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK &&
           p->tcp_acknowledgement == s->answer_sequence + 1;
}

static bool is_room_for(const struct passage *w, const struct reference_session *s)
{
    struct sessions *t = &w->r->confirmed;
    struct instant i = {.timeouts = &w->r->policy->timeouts, .now = w->now};
    if (t->count >= w->r->options.sessions_max)
        sessions_keep(t, is_alive, &i);
    return t->count < w->r->options.sessions_max || sessions_find(t, &s->key);
}

static void note_tcp(struct reference_session *s, const struct packet *p, bool reply)
{
    if (p->tcp_flags & TCP_FIN)
        *(reply ? &s->fin_reply : &s->fin_forward) = true;
    if ((p->tcp_flags & TCP_RST) || (s->fin_forward && s->fin_reply))
        s->closing = true;
    if (!s->confirmed && reply && (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK)) {
        s->answered = true;
        s->answer_sequence = p->tcp_sequence;
    }
}

/* 6.3, the second half. False: it would confirm the session and there is no room; nothing changed. */
static bool move_on(struct passage *w, bool reply)
{
    struct reference_session *s = w->session, *old = s;
    if (confirms(s, &w->packet, reply)) {
        if (!is_room_for(w, s))
            return false;
        s = sessions_put(&w->r->confirmed, old);
        if (!s)
            return false;
        sessions_remove(&w->r->unconfirmed, old);
        s->confirmed = true;
        w->session = s;
    }
    s->last = w->now;
    if (w->packet.protocol == IPPROTO_TCP)
        note_tcp(s, &w->packet, reply);
    else if (reply)
        s->answered = true;
    return true;
}

/* 6.3, for the passage's session. */
static struct packet_verdict pass_session(struct passage *w, bool reply)
{
    uint32_t rule = NONE;
    struct reference_session before = *w->session;
    if (!renew(w, w->session, &rule)) {
        w->session = NULL;
        return refuse(REASON_REVOKED, rule);
    }
    struct verdict v = w->session->verdict;
    if (!move_on(w, reply)) {
        *w->session = before; /* nothing changes, nor the decision that it carries */
        return refuse(REASON_SESSION_TABLE_FULL, NONE);
    }
    return deliver_packet(w, v);
}

/* 6.4 */
static struct packet_verdict without_session(const struct passage *w)
{
    if (!flow_observed(w->r->policy, &w->packet.from, &w->packet.to))
        return refuse(REASON_NO_SESSION, NONE);
    return deliver_packet(
        w, (struct verdict){.allow = false, .enforced = false, .reason = REASON_NO_SESSION, .rule = NONE});
}

/* What a session that is about to begin has at the outer address. False: there is no outer port for it. */
static bool give_port(const struct passage *w, struct reference_session *s)
{
    struct reference *r = w->r;
    if (w->published) {
        s->port = w->published;
        s->published = true;
        return true;
    }
    bool leaves = r->links[s->to_link].workload == NONE;
    return !leaves || !r->policy->uplink.nat || keep_outer_port(r, s, w->port_before) ||
           choose_outer_port(r, s, w->now);
}

/* 6.5 */
static struct packet_verdict start_session(struct passage *w, const struct session_key *k)
{
    struct reference *r = w->r;
    struct flow f = session_flow(k);
    struct span span = decide_span(r->policy, &f, moment_of(w));
    struct verdict v = span.verdict;
    if (!v.allow && v.enforced)
        return refuse(v.reason, v.rule);
    struct reference_session s = {
        .key = *k,
        .from_link = w->link,
        .last = w->now,
        .generation = r->generation,
        .until = span.until,
        .verdict = v,
    };
    w->session = &s;
    w->begins = true;
    enum bulkhead_reason reason = find_link(w, &s.to_link);
    w->session = NULL;
    if (reason != REASONS)
        return refuse(reason, v.rule);
    /* Without memory it is closed, as when a table is full. */
    if (!give_port(w, &s) || !(w->session = sessions_put(&r->unconfirmed, &s)))
        return refuse(REASON_SESSION_TABLE_FULL, NONE);
    return send_to(w, s.to_link, v);
}

/* Whether either end is being adopted; both are workloads with links. */
static bool is_adopted(const struct passage *w)
{
    const struct reference *r = w->r;
    uint32_t to = link_towards(r, &w->packet.to);
    if (w->by_uplink || to == NONE || r->links[to].workload == NONE)
        return false;
    return w->now < r->links[w->link].adopt_until || w->now < r->links[to].adopt_until;
}

/* 6.4: a session in the middle of its life. False: it is not taken in. */
static bool adopt(struct passage *w, const struct session_key *k, struct packet_verdict *ret)
{
    struct reference *r = w->r;
    if ((w->packet.tcp_flags & (TCP_ACK | TCP_SYN | TCP_RST)) != TCP_ACK || !is_adopted(w))
        return false;
    struct session_key keys[] = {*k, session_key_reversed(k)};
    struct span spans[2];
    for (size_t i = 0; i < 2; i++) {
        struct flow f = session_flow(&keys[i]);
        spans[i] = decide_span(r->policy, &f, moment_of(w));
    }
    bool reply = !spans[0].verdict.allow;
    if (!spans[reply].verdict.allow)
        return false;
    uint32_t to_link;
    enum bulkhead_reason reason = find_link(w, &to_link);
    struct reference_session s = {
        .key = keys[reply],
        .from_link = reply ? link_towards(r, &w->packet.to) : w->link,
        .to_link = reply ? w->link : link_towards(r, &w->packet.to),
        .confirmed = true,
        .last = w->now,
        .generation = r->generation,
        .until = spans[reply].until,
        .verdict = spans[reply].verdict,
    };
    note_tcp(&s, &w->packet, reply);
    if (reason != REASONS)
        *ret = refuse(reason, s.verdict.rule);
    else if (!is_room_for(w, &s) || !(w->session = sessions_put(&r->confirmed, &s)))
        *ret = refuse(REASON_SESSION_TABLE_FULL, NONE);
    else
        *ret = send_to(w, to_link, s.verdict);
    return true;
}

static struct wanted wanted_by(const struct passage *w, enum icmp_kind icmp)
{
    const struct packet *p = &w->packet;
    return (struct wanted){
        .key = session_key_of(p->protocol, &p->from, p->from_port, &p->to, p->to_port),
        .forward = icmp != ICMP_ECHO_ANSWER,
        .reply = icmp != ICMP_ECHO_REQUEST && !packet_is_plain_syn(p),
        .link = w->link,
    };
}

static struct packet_verdict judge_session(struct passage *w, enum icmp_kind icmp)
{
    if (w->session) /* found by its outer port */
        return pass_session(w, true);
    const struct packet *p = &w->packet;
    bool plain_syn = packet_is_plain_syn(p), reply = false;
    struct wanted want = wanted_by(w, icmp);
    struct reference_session *s = find_session(w, &want, &reply);
    if (s && plain_syn && s->closing) {
        w->port_before = s->port;
        end_session(w->r, s);
        s = NULL;
    }
    w->session = s;
    if (s)
        return pass_session(w, reply);
    struct packet_verdict adopted;
    if (p->protocol == IPPROTO_TCP && adopt(w, &want.key, &adopted))
        return adopted;
    if ((p->protocol == IPPROTO_TCP && !plain_syn) || icmp == ICMP_ECHO_ANSWER)
        return without_session(w);
    return start_session(w, &want.key);
}

/* ICMP errors (7) */

static struct reference_session *find_quoted_session(const struct passage *w)
{
    const struct quoted *q = &w->quoted;
    if (!w->quotes || !address_equal(&q->from, &w->packet.to))
        return NULL;
    struct wanted want = {
        .key = session_key_of(q->protocol, &q->from, q->from_port, &q->to, q->to_port),
        .forward = q->icmp != ICMP_ECHO_ANSWER,
        .reply = q->icmp != ICMP_ECHO_REQUEST,
        .link = w->link,
        .at_far_side = true,
    };
    bool reply = false;
    return find_session(w, &want, &reply);
}

static struct packet_verdict judge_error(struct passage *w)
{
    w->is_error = true;
    w->quotes = quoted_parse(w->packet.icmp_body, w->packet.from.family, &w->quoted);
    if (w->quotes)
        translate_error(w);
    if (!w->session)
        w->session = find_quoted_session(w);
    if (!w->session)
        return without_session(w);
    uint32_t rule = NONE;
    struct reference_session before = *w->session;
    if (!renew(w, w->session, &rule)) {
        w->session = NULL;
        return refuse(REASON_REVOKED, rule);
    }
    struct verdict v = w->session->verdict;
    if (!before.confirmed)
        *w->session = before; /* an error moves nothing on in a session that has not begun */
    return deliver_packet(w, v);
}

/* Sections 5 to 8, for all but later fragments. */
static struct packet_verdict judge(struct passage *w)
{
    const struct packet *p = &w->packet;
    if (!protocol_is_icmp(p->from.family, p->protocol))
        return judge_session(w, ICMP_OTHER);
    enum icmp_kind kind = icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code);
    if (kind == ICMP_OTHER)
        return refuse(REASON_ICMP_TYPE, NONE);
    return kind == ICMP_ERROR ? judge_error(w) : judge_session(w, kind);
}

/* Fragments (4) */

static bool fragments_are_of(const struct fragments_of *e, const struct passage *w)
{
    const struct packet *p = &w->packet;
    return e->link == w->link && e->protocol == p->fragment_protocol &&
           e->identification == p->identification && address_equal(&e->from, &p->from) &&
           address_equal(&e->to, &w->arrived_to);
}

static void forget_fragments(const struct passage *w)
{
    struct reference *r = w->r;
    int64_t timeout = r->policy->timeouts.fragment * SECOND_NS;
    size_t kept = 0;
    for (size_t i = 0; i < r->fragment_count; i++) {
        const struct fragments_of *e = &r->fragments[i];
        if (!fragments_are_of(e, w) && w->now - e->since < timeout)
            r->fragments[kept++] = *e;
    }
    r->fragment_count = kept;
}

/* Without memory there is no entry: later fragments are refused. */
static void remember_fragments(const struct passage *w, const struct packet_verdict *v)
{
    struct reference *r = w->r;
    if (r->fragment_count == r->fragment_capacity) {
        size_t capacity = r->fragment_capacity ? r->fragment_capacity * 2 : 16;
        struct fragments_of *larger = reallocarray(r->fragments, capacity, sizeof *larger);
        if (!larger)
            return;
        r->fragments = larger;
        r->fragment_capacity = capacity;
    }
    const struct packet *p = &w->packet;
    r->fragments[r->fragment_count++] = (struct fragments_of){
        .link = w->link,
        .from = p->from,
        .to = w->arrived_to,
        .protocol = p->fragment_protocol,
        .identification = p->identification,
        .first_end = p->fragment_end,
        .since = w->now,
        .generation = r->generation,
        .to_link = v->to_link,
        .verdict = v->verdict,
        .out_from = v->out.from,
        .out_to = v->out.to,
    };
}

static struct packet_verdict judge_first_fragment(struct passage *w)
{
    const struct packet *p = &w->packet;
    forget_fragments(w);
    if (p->header_cut)
        return refuse(REASON_FRAGMENT_UNATTRIBUTED, NONE);
    if (protocol_is_icmp(p->from.family, p->protocol)) {
        enum icmp_kind kind = icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code);
        if (kind != ICMP_ECHO_REQUEST && kind != ICMP_ECHO_ANSWER)
            return refuse(REASON_FRAGMENT_UNATTRIBUTED, NONE);
    }
    struct packet_verdict v = judge(w);
    if (v.passes)
        remember_fragments(w, &v);
    return v;
}

static struct packet_verdict judge_later_fragment(const struct passage *w)
{
    const struct reference *r = w->r;
    int64_t timeout = r->policy->timeouts.fragment * SECOND_NS;
    for (size_t i = 0; i < r->fragment_count; i++) {
        const struct fragments_of *e = &r->fragments[i];
        if (!fragments_are_of(e, w) || e->generation != r->generation || w->now - e->since >= timeout ||
            w->packet.fragment_start < e->first_end)
            continue;
        struct packet_verdict v = send_to(w, e->to_link, e->verdict);
        v.out = (struct packet_ends){.from = e->out_from, .to = e->out_to};
        return v;
    }
    return refuse(REASON_FRAGMENT_UNATTRIBUTED, NONE);
}

/* Source and destination (3). REASONS when they are as they must be. */

static bool is_own_address(const struct workload *w, const struct address *a)
{
    for (uint32_t i = 0; i < w->address_count; i++) {
        if (address_equal(&w->addresses[i], a))
            return true;
    }
    return false;
}

/* 3.2: a session that began when the source was this link's is still found, and revoked. */
static bool is_of_a_session(const struct passage *w)
{
    const struct packet *p = &w->packet;
    if (w->by_uplink || p->fragment == FRAGMENT_LATER || p->header_cut)
        return false;
    bool reply, is_icmp = protocol_is_icmp(p->from.family, p->protocol);
    enum icmp_kind icmp = is_icmp ? icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code) : ICMP_OTHER;
    if (is_icmp && icmp != ICMP_ECHO_REQUEST && icmp != ICMP_ECHO_ANSWER)
        return false;
    struct wanted want = wanted_by(w, icmp);
    return find_session(w, &want, &reply);
}

static bool has_own_source(const struct passage *w)
{
    const struct policy *p = w->r->policy;
    const struct address *from = &w->packet.from;
    if (w->by_uplink)
        return policy_segment_of(p, from) == NONE && address_is_unicast(from);
    return is_own_address(&p->workloads[w->r->links[w->link].workload], from);
}

static enum bulkhead_reason check_ends(const struct passage *w)
{
    const struct link *link = &w->r->links[w->link];
    const struct packet *packet = &w->packet;
    if (!w->by_uplink && !link->any_mac && !bytes_equal(packet->from_mac, bytes_of(link->mac, 6)))
        return REASON_SPOOFED_SOURCE;
    bool to_hub = bytes_equal(packet->to_mac, bytes_of(link->hub_mac, 6)) && address_is_unicast(&packet->to);
    if (!has_own_source(w) && !(to_hub && is_of_a_session(w)))
        return REASON_SPOOFED_SOURCE;
    return to_hub ? REASONS : REASON_NOT_UNICAST;
}

/* Section 1. */
static bool link_belongs(const struct reference *r, uint32_t link)
{
    if (!r->policy || link >= r->link_count)
        return false;
    uint32_t workload = r->links[link].workload;
    return workload == NONE ? r->policy->uplink.interface != NULL : workload < r->policy->workload_count;
}

/* Sections 4 to 9. */
static struct packet_verdict judge_part(struct passage *w)
{
    if (w->packet.fragment == FRAGMENT_LATER)
        return judge_later_fragment(w);
    translate_in(w);
    return w->packet.fragment == FRAGMENT_FIRST ? judge_first_fragment(w) : judge(w);
}

struct packet_verdict reference_packet(struct reference *r, uint32_t link, struct bytes frame, int64_t now_ns)
{
    r->last = NULL;
    r->now = now_ns;
    if (!link_belongs(r, link))
        return refuse(REASON_IDENTITY_UNKNOWN, NONE);
    struct passage w = {.r = r, .link = link, .now = now_ns, .by_uplink = r->links[link].workload == NONE};
    enum bulkhead_reason reason = frame_parse(frame, &w.packet);
    if (reason == REASONS)
        reason = check_ends(&w);
    if (reason != REASONS)
        return refuse(reason, NONE);
    w.arrived_to = w.packet.to;
    struct packet_verdict v = judge_part(&w);
    if (w.session && (w.session->guessed || (w.begins && !w.session->published)))
        r->last = w.session;
    return v;
}

size_t reference_sessions(const struct reference *r, int64_t now_ns)
{
    if (!r->policy)
        return 0;
    struct instant i = {.timeouts = &r->policy->timeouts, .now = now_ns};
    return sessions_count(&r->confirmed, is_alive, &i);
}
