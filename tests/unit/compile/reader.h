/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a compiled image the slow way: every table from its first line to its last. What it shares with the kernel
 * programs is bpf/abi.h and the hash of bpf/image_hash.h, with which it checks where things stand.
 */
#pragma once

#include "bpf/abi.h"
#include "compile/compile.h"
#include "decide/decide.h"

struct image {
    uint8_t *lines; /* in a block of exactly its size */
    struct image_header header;
};

/* What the image knows of an address. */
struct image_address {
    bool endpoint, inside;
    uint32_t link;
    uint32_t from_class, to_class; /* without flags */
    bool observed;
};

/* The image of `c`; stops the test where its header cannot be. */
struct image image_of(const struct compiled *c);
void image_free(struct image *i);

/* Stops the test when an entry stands where no look-up finds it, or the search by length finds another one. */
struct image_address image_address(const struct image *i, const struct address *a);
/* The verdict at `tai_ns`. */
struct verdict image_verdict(const struct image *i, const struct image_address *from, const struct image_address *to, const struct flow *f, uint64_t tai_ns);
