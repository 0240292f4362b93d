/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A sender may leave its checksum to the interface that the packet leaves by (CHECKSUM_PARTIAL): that adds up what stands
 * from one place on and writes the sum to another, and does so long after the packet was decided. A stack names the
 * checksum of layer 4. Who makes frames itself (PACKET_VNET_HDR, a virtual machine behind a tap) names what it likes, a
 * port or an address too. Between namespaces that Bulkhead made nobody writes it; interfaces do, and so the uplink, and what
 * somebody else's namespace passes on to.
 */
#ifndef BULKHEAD_LEFT_OVER_H
#define BULKHEAD_LEFT_OVER_H

#include <bpf/bpf_core_read.h>

#include "maps.h"

#define CHECKSUM_PARTIAL 3 /* linux/skbuff.h */

/* What __sk_buff does not show. */
struct sk_buff___left_over {
    unsigned char *head, *data;
    __u16 csum_start, csum_offset;
    __u8 ip_summed : 2;
} __attribute__((preserve_access_index));

/* Where an interface will write two octets, from the frame's beginning; 0: nowhere. */
subprogram int left_over_at(struct __sk_buff *skb)
{
    const struct sk_buff___left_over *s = (const void *)skb;
    if (!skb || BPF_CORE_READ_BITFIELD_PROBED(s, ip_summed) != CHECKSUM_PARTIAL)
        return 0;
    const unsigned char *head = BPF_CORE_READ(s, head), *data = BPF_CORE_READ(s, data);
    __u32 start = BPF_CORE_READ(s, csum_start), offset = BPF_CORE_READ(s, csum_offset);
    return (int)(start + offset - (__u32)(data - head));
}

/* Whether what an interface will write leaves all alone that the packet was decided by. */
ever_inline bool left_over_is_checksum(struct __sk_buff *skb, const struct context *c)
{
    int at = left_over_at(skb), l4 = (int)c->l4;
    if (likely(!at))
        return true;
    if (c->icmp == ICMP_ERROR || c->part != PART_WHOLE) /* was decided by what it quotes; a stack writes it before it cuts */
        return false;
    bool tcp = c->tuple.protocol == IPPROTO_TCP, udp = c->tuple.protocol == IPPROTO_UDP;
    if (at == l4 + (tcp ? 16 : 6) && (tcp || udp))
        return true;
    return at >= l4 + (tcp ? (int)c->tcp_header : 8); /* of a packet inside this one */
}

#endif
