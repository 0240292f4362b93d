/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies as YAML text: a network is drawn once, rules over it as often as wanted. Time zones: zones_made(). */
#pragma once

#include "base/text.h"
#include "random.h"

#define NETWORK_SEGMENTS_MAX 5
#define NETWORK_WORKLOADS_MAX 8

struct random_network {
    uint32_t segments, workloads;
    bool v6[NETWORK_SEGMENTS_MAX], v4[NETWORK_SEGMENTS_MAX];
    uint32_t segment_of[NETWORK_WORKLOADS_MAX];
    uint32_t label_of[NETWORK_WORKLOADS_MAX]; /* tier: 0..2 */
    bool second_address[NETWORK_WORKLOADS_MAX];
    bool uplink; /* most of its policies have one */
};

struct random_network random_network_draw(struct random *r);
/* The policy's text: this network with new rules. */
void random_policy_print(const struct random_network *n, struct random *r, struct text *out);
