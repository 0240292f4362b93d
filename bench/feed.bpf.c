// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * BPF_PROG_TEST_RUN runs one packet many times. `feed` makes many packets of it: it writes the next of the prepared
 * frames into the packet and goes on, by a tail call, in the program that is measured: the shipped one as it is loaded
 * for a network, or one of the peers below. What `feed` and the tail call cost is in every one of them.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench/feed.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct feed_state state;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, struct feed_frame);
} frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, FEED_TARGETS);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(__u32));
} targets SEC(".maps");

SEC("tc")
int feed(struct __sk_buff *skb)
{
    __u32 at = state.at, next = at + 1;
    struct feed_frame *f = bpf_map_lookup_elem(&frames, &at);
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (!f || data + FRAME_BYTES > end)
        return TC_ACT_UNSPEC;
    __u32 add = state.vary ? state.pass % state.vary : 0;
    if (next >= state.count) {
        next = 0;
        state.pass++;
    }
    state.at = next;
    __builtin_memcpy(data, f, FRAME_BYTES);
    __u16 *port = state.port_at == 34 ? data + 34 : data + 54;
    *port = bpf_htons((__u16)(bpf_ntohs(*port) + add));
    bpf_tail_call(skb, &targets, state.target);
    return TC_ACT_UNSPEC;
}

/* The peer that all others are net of. */
SEC("tc")
int empty(struct __sk_buff *skb)
{
    return skb->ifindex ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct bare_key_v4);
    __type(value, struct bare_value);
} bare_table_v4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct bare_key_v6);
    __type(value, struct bare_value);
} bare_table_v6 SEC(".maps");

SEC("tc")
int bare_v4(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (data + FRAME_BYTES > end)
        return TC_ACT_SHOT;
    struct bare_key_v4 key = {.protocol = 6};
    __builtin_memcpy(key.address, data + 26, 8);
    __builtin_memcpy(key.port, data + 34, 4);
    struct bare_value *v = bpf_map_lookup_elem(&bare_table_v4, &key);
    return v && v->words[0] ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

SEC("tc")
int bare_v6(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (data + FRAME_BYTES > end)
        return TC_ACT_SHOT;
    struct bare_key_v6 key = {.protocol = 6};
    __builtin_memcpy(key.address, data + 22, 32);
    __builtin_memcpy(key.port, data + 54, 4);
    struct bare_value *v = bpf_map_lookup_elem(&bare_table_v6, &key);
    return v && v->words[0] ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}
