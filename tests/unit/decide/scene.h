/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of docs/packets.md stand on: the shop of models.h with a link for each workload, one for the
 * uplink and one for nobody, a reference that enforces it, and short words for what becomes of a frame.
 */
#pragma once

#include "decide/packet.h"
#include "frames.h"
#include "models.h"

#define SF     "10.80.1.2"
#define SF6    "fd80:0:0:1::2"
#define OR     "10.80.2.2"
#define OR6    "fd80:0:0:2::2"
#define LE     "10.80.3.10"
#define WORLD  "198.51.100.7"
#define WORLD6 "2001:db8::7"

enum { L_SF, L_OR, L_LE, L_UP, L_NOBODY, LINKS };

#define SECOND 1000000000LL
#define T0     (1700000000LL * SECOND) /* a moment of no meaning */

struct scene {
    struct arena *arena;
    struct policy *policy;
    struct reference *reference;
    struct link links[LINKS];
    int64_t now;
    uint32_t calls, reads; /* storefront-calls-orders, orders-reads-ledger */
};

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Puts the scene's policy in force. */
void apply(struct scene *s);
void later(struct scene *s, int64_t seconds);
/* A confirmed TCP session between storefront and orders. */
void connect_tcp(struct scene *s);

/* The frame as it stands / with the MACs of the link. */
struct packet_verdict send_raw(struct scene *s, uint32_t link, const struct frame *f);
struct packet_verdict send_frame(struct scene *s, uint32_t link, struct frame f);

/* The two fragments of BIG_SF. */
struct frame big_first(uint32_t id);
struct frame big_last(uint32_t id);

/* Each stops the test at `line` when the verdict is another. */
void dropped(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, int line);
void passed(struct packet_verdict v, uint32_t rule, uint32_t to_link, int line);
void seen(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, uint32_t to_link, int line);

#define DROPPED(link, frame, reason) dropped(send_frame(s, link, frame), REASON_##reason, NONE, __LINE__)
#define DROPPED_BY(link, frame, reason, rule) \
    dropped(send_frame(s, link, frame), REASON_##reason, rule, __LINE__)
#define PASSED(link, frame, rule, to) passed(send_frame(s, link, frame), rule, to, __LINE__)
/* Passes under observation. */
#define SEEN(link, frame, reason, rule, to) \
    seen(send_frame(s, link, frame), REASON_##reason, rule, to, __LINE__)

#define SYN_SF    tcp(SF, 40000, OR, 8080, SYN, 100, 0)
#define SYNACK_OR tcp(OR, 8080, SF, 40000, SYN | ACK, 900, 101)
#define ACK_SF    tcp(SF, 40000, OR, 8080, ACK, 101, 901)
#define DATA_SF   ACK_SF
#define BIG_SF    udp(SF, 40000, OR, 53, 1000)
#define DATA_OR   tcp(OR, 8080, SF, 40000, ACK, 901, 101)
