/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines an image takes, made or only counted. */
#pragma once

#include "bpf/abi.h"
#include "compile/ports.h"

/* Lines of its hash tables; by family: 0 IPv4, 1 IPv6. */
struct image_tables {
    uint64_t endpoints[2], prefixes[2], pairs, publishes;
};

static inline uint64_t image_lines(const struct image_tables *t, uint64_t spans, uint64_t intervals)
{
    return IMAGE_BODY + spans * SPAN_LINES + t->endpoints[0] + t->endpoints[1] + t->prefixes[0] + t->prefixes[1] + t->pairs + t->publishes +
        (intervals * sizeof(struct image_interval) + LINE_BYTES - 1) / LINE_BYTES;
}
