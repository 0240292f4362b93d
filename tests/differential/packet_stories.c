/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations that are told to their end: what random packets alone would hardly ever meet. */
#include "packet_stories.h"

#include <netinet/in.h>
#include <string.h>

#include "decide/decide.h"
#include "decide/uplink.h"

#define SECOND ((int64_t)1000000000)

/* Some rule allows it and none denies it, conditions left aside. */
static bool likely_allowed(const struct policy *p, const struct flow *f)
{
    bool allowed = false;
    for (uint32_t i = 0; i < p->rule_count; i++)
        if (rule_covers(p, &p->rules[i], f)) {
            if (!p->rules[i].allow)
                return false;
            allowed = true;
        }
    return allowed;
}

/* May the packets of `c` from end `from` reach the other end? */
static bool may_go(const struct packet_source *s, const struct conversation *c, int from)
{
    struct flow f = {c->end[from], c->end[!from], c->protocol, protocol_has_ports(c->protocol) ? c->port[!from] : 0};
    return deliver(s->policy, &f) == DELIVERY_OK && likely_allowed(s->policy, &f);
}

static bool fits(const struct packet_source *s, const struct conversation *c)
{
    switch (s->story) {
    case STORY_LIFE:
    case STORY_PIECES:
        return may_go(s, c, 0);
    case STORY_ADOPTED:
        return c->protocol == IPPROTO_TCP && may_go(s, c, 0);
    case STORY_MOVED:
        return c->protocol == IPPROTO_TCP && may_go(s, c, 0) && (may_go(s, c, 1) || policy_segment_of(s->policy, &c->end[1]) == NONE);
    case STORY_PUBLISHED:
        return c->outer && may_go(s, c, 0);
    case STORY_ANEW:
        return c->protocol == IPPROTO_TCP && s->policy->uplink.interface && policy_workload_of(s->policy, &c->end[0]) != NONE &&
            policy_segment_of(s->policy, &c->end[1]) == NONE && may_go(s, c, 0);
    case STORY_CROSSING:
        return protocol_is_icmp(c->end[0].family, c->protocol) && may_go(s, c, 0) && may_go(s, c, 1);
    }
    return false;
}

/* A conversation that the policy allows, where a few draws find one. */
void story_begin(struct packet_source *s)
{
    static const enum story kinds[] = {STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_LIFE, STORY_PIECES, STORY_ADOPTED, STORY_ADOPTED, STORY_MOVED,
        STORY_CROSSING, STORY_PUBLISHED, STORY_PUBLISHED, STORY_ANEW};
    s->story = kinds[random_below(s->random, sizeof kinds / sizeof kinds[0])];
    struct conversation others[CONVERSATIONS];
    memcpy(others, s->conversations, sizeof others);
    for (int tries = 0; tries < (s->story == STORY_LIFE ? 40 : 400); tries++) {
        s->hero = *conversation_new(s);
        if (fits(s, &s->hero))
            break;
    }
    memcpy(s->conversations, others, sizeof others);
    s->story_left = s->story == STORY_ANEW ? 30 : 5 + random_below(s->random, 9);
    s->story_step = s->story != STORY_LIFE || random_chance(s->random, 75) ? 0 : 3;
}

/* Ends just before, at, or just behind `pause`. */
static int64_t around(struct packet_source *s, int64_t pause)
{
    return pause + (int64_t)random_below(s->random, 3) - 1;
}

static void pieces_go_on(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    s->pause = PACKET_SOURCE_TICK;
    if (s->story_step++ == 0 || random_chance(r, 10)) {
        s->story_first = 24 + 8 * random_below(r, 4);
        conversation_first_fragment(s, c, 0, s->story_first, f);
        return;
    }
    struct piece later = {.payload = 8, .offset = (uint32_t)s->story_first / 8, .more = random_chance(r, 50), .identification = c->identification,
        .protocol = c->protocol};
    uint32_t dice = random_below(r, 100);
    if (dice < 40)
        later.identification = (uint16_t)(c->identification + 1 + random_below(r, 100));
    else if (dice < 60)
        later.protocol = another_protocol(c);
    else if (dice < 70)
        s->pause = around(s, 30 * SECOND);
    conversation_fragment(s, c, 0, &later, f);
}

/* A packet without a session, one around the end of the time in which it is taken in, a FIN of the other end, and what comes when it is closed. */
static void adopted_go_on(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    uint32_t step = s->story_step++;
    int from = random_chance(r, 50);
    uint8_t flags = step < 3 && random_chance(r, 70) ? FIN | ACK : ACK;
    s->pause = PACKET_SOURCE_TICK;
    if (step == 0) {
        s->adoption = random_chance(r, 50) ? PACKET_SOURCE_TICK : (1 + random_below(r, 40)) * SECOND;
        s->then = (struct then){.link = link_of(s, &c->end[random_chance(r, 50)]), .adopt_for = s->adoption};
    } else if (step == 1) {
        s->pause = random_chance(r, 50) ? around(s, s->adoption) : s->adoption - 1;
    } else if (step > 2 && random_chance(r, 60)) {
        s->pause = around(s, 60 * SECOND);
    }
    conversation_frame(s, c, from, flags, c->sequence[!from] + 1, f);
}

static void moved_go_on(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    uint32_t step = s->story_step++;
    bool outside = policy_segment_of(s->policy, &c->end[1]) == NONE; /* begins anew, with another outer port */
    uint32_t shakes = outside && step > 2 && step < 6 ? step - 3 : step;
    int from = shakes < 3 ? shakes == 1 : step == 3 ? random_chance(r, 80) : random_chance(r, 50);
    s->pause = !outside && step > 3 && random_chance(r, 60) ? s->adoption : PACKET_SOURCE_TICK;
    s->adoption = SECOND;
    if (step == 2)
        s->then = (struct then){.moves = true, .link = link_of(s, &c->end[!outside && random_chance(r, 50)]), .adopt_for = s->adoption};
    conversation_frame(s, c, from, shakes == 0 ? SYN : shakes == 1 ? SYN | ACK : ACK, c->sequence[!from] + 1, f);
}

/* What the workload says in a session that came by a published port, while policies lead that port here and there. */
static void published_go_on(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    uint32_t step = s->story_step++;
    int from = step < 3 ? step == 1 : random_chance(r, 85);
    s->pause = PACKET_SOURCE_TICK;
    s->then.another_policy = step >= 2 && random_chance(r, 25);
    if (step >= 3 && random_chance(r, 25)) {
        conversation_error(s, c, f);
        return;
    }
    conversation_frame(s, c, from, step == 0 ? SYN : step == 1 ? SYN | ACK : ACK, c->sequence[!from] + 1, f);
}

/* Begun, closed and begun again, while policies publish its outer port or no longer do. */
static void anew_go_on(struct packet_source *s, struct frame *f)
{
    static const struct { uint8_t from, flags; } usual[] = {{0, SYN}, {1, SYN | ACK}, {0, ACK}, {0, FIN | ACK}};
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    uint32_t count = sizeof usual / sizeof usual[0], step = s->story_step++ % count;
    s->pause = PACKET_SOURCE_TICK;
    s->then.another_policy = step == count - 1 || random_chance(r, 5);
    conversation_frame(s, c, usual[step].from, usual[step].flags, c->sequence[!usual[step].from] + 1, f);
}

/* Each end asks and each end answers, until both sessions stand; then under other policies. */
static void crossing_go_on(struct packet_source *s, struct frame *f)
{
    static const struct { uint8_t asks, from; } usual[] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {0, 0}, {1, 0}};
    struct random *r = s->random;
    uint32_t step = s->story_step++, last = sizeof usual / sizeof usual[0] - 1;
    int asks = step <= last ? usual[step].asks : random_chance(r, 50), from = step <= last ? usual[step].from : random_chance(r, 30);
    struct conversation c = s->hero;
    c.end[0] = s->hero.end[asks];
    c.end[1] = s->hero.end[!asks];
    s->pause = PACKET_SOURCE_TICK;
    s->then.another_policy = step == last;
    conversation_frame(s, &c, from, 0, 0, f);
}

static int64_t story_pause(struct packet_source *s)
{
    static const int64_t pauses[] = {30, 30, 60, 60, 180, 180, 40, 100, 200};
    if (s->story_step < 3 || random_chance(s->random, 70))
        return PACKET_SOURCE_TICK;
    uint32_t at = random_below(s->random, sizeof pauses / sizeof pauses[0]);
    return at < 6 ? around(s, pauses[at] * SECOND) : pauses[at] * SECOND;
}

static void life_go_on(struct packet_source *s, struct frame *f)
{
    static const uint8_t flags[] = {ACK, ACK, ACK, SYN, SYN, SYN | ACK, SYN | ACK, FIN | ACK, FIN | ACK, FIN | ACK, RST, RST | ACK, SYN | ACK | RST};
    struct random *r = s->random;
    struct conversation *c = &s->hero;
    s->pause = story_pause(s);
    if (s->story_step && random_chance(r, 12)) {
        s->pause = PACKET_SOURCE_TICK;
        conversation_error(s, c, f);
        return;
    }
    if (s->story_step == 2 && random_chance(r, 15)) { /* another answer: the last counts */
        c->sequence[1] = (uint32_t)random_next(r);
        conversation_frame(s, c, 1, random_chance(r, 30) ? SYN | ACK | RST : SYN | ACK, c->sequence[0] + 1, f);
        return;
    }
    uint32_t step = s->story_step++;
    int from = step < 3 ? step == 1 : random_chance(r, 50);
    uint8_t flag = step == 0 ? SYN : step == 1 ? SYN | ACK : step == 2 ? ACK : flags[random_below(r, sizeof flags)];
    if (step == 2 && random_chance(r, 25))
        flag = random_chance(r, 50) ? FIN | ACK : ACK | RST;
    if (flag == (SYN | ACK) && step > 3 && random_chance(r, 40))
        c->sequence[from] = (uint32_t)random_next(r);
    conversation_frame(s, c, from, flag, c->sequence[!from] + (random_chance(r, 80) ? 1 : random_below(r, 3)), f);
}

void story_go_on(struct packet_source *s, struct frame *f)
{
    static void (*const go_on[])(struct packet_source *, struct frame *) = {
        [STORY_LIFE] = life_go_on, [STORY_PIECES] = pieces_go_on, [STORY_ADOPTED] = adopted_go_on, [STORY_MOVED] = moved_go_on, [STORY_CROSSING] = crossing_go_on,
        [STORY_PUBLISHED] = published_go_on, [STORY_ANEW] = anew_go_on,
    };
    s->story_left--;
    go_on[s->story](s, f);
}

/* Where a few draws find an end in the world that a workload may go to. */
void crowd_begin(struct packet_source *s)
{
    struct random *r = s->random;
    for (int tries = 0; tries < 40; tries++) {
        struct conversation c = *conversation_new(s);
        uint8_t family = c.end[0].family;
        c.end[1] = world_address(s, family);
        c.outer = 0;
        struct flow f = {c.end[0], c.end[1], c.protocol, protocol_has_ports(c.protocol) ? c.port[1] : 0};
        if (!protocol_is_translated(family, c.protocol) || (c.protocol == IPPROTO_UDP && random_chance(r, 50)) || deliver(s->policy, &f) != DELIVERY_OK ||
            !likely_allowed(s->policy, &f))
            continue;
        uint32_t stays = random_chance(r, 40) ? 85 : 15;
        for (uint32_t i = 0; i < CROWD; i++) {
            struct member *m = &s->crowd[i];
            *m = (struct member){.conversation = c, .last_step = random_chance(r, stays) ? 3 : random_chance(r, 20) ? 1 : 5};
            m->conversation.port[0] = (uint16_t)(41000 + i);
            if (protocol_is_icmp(family, c.protocol))
                m->conversation.port[1] = m->conversation.port[0];
        }
        s->crowd_left = 40 + random_below(r, 60);
        s->crowd_policy = s->policy;
        return;
    }
}

/* A handshake, and a close; or what comes when it is over. */
static uint8_t crowd_flags(struct packet_source *s, const struct member *m, int from)
{
    static const uint8_t usual[] = {SYN, SYN | ACK, ACK, FIN | ACK, FIN | ACK}, late[] = {ACK, ACK, FIN | ACK, RST, SYN, SYN};
    if (m->step == 1 && random_chance(s->random, 15))
        return RST | ACK; /* nobody listens there */
    if (m->step < m->last_step)
        return usual[m->step];
    return m->last_step == 5 ? late[random_below(s->random, from ? 4 : sizeof late)] : ACK;
}

void crowd_go_on(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    if (s->crowd_policy != s->policy) { /* another one: who closes begins anew now */
        s->crowd_policy = s->policy;
        for (uint32_t i = 0; i < CROWD; i++)
            if (s->crowd[i].step == 5)
                s->crowd[i].step = 0;
    }
    if (s->crowd[s->crowd_turn].step >= s->crowd[s->crowd_turn].last_step || random_chance(r, 30))
        s->crowd_turn = random_below(r, CROWD);
    struct member *m = &s->crowd[s->crowd_turn];
    if (m->step == m->last_step && m->step != 3 && random_chance(r, 30)) /* anew, while it closes or when it is gone */
        m->step = 0;
    struct conversation *c = &m->conversation;
    s->crowd_left--;
    s->pause = PACKET_SOURCE_TICK + (random_chance(r, 4) ? (int64_t)random_below(r, 40) * SECOND : 0);
    if (c->outer && random_chance(r, 5)) {
        conversation_error(s, c, f);
        return;
    }
    int from = m->step < m->last_step ? m->step == 1 || m->step == 4 : random_chance(r, 40);
    conversation_frame(s, c, from, crowd_flags(s, m, from), c->sequence[!from] + 1, f);
    if (m->step < m->last_step)
        m->step++;
}
