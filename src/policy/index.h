/* SPDX-License-Identifier: Apache-2.0 */
/* The look-ups of a model, built by the checker and used by model.c alone. */
#pragma once

#include "base/table.h"
#include "policy/reading.h"

struct indexed_prefix {
    struct prefix prefix;
    uint32_t segment;
    struct place place;
};

struct policy_index {
    struct table name_ids; /* name -> index into names */
    const struct name *names;
    struct table addresses; /* struct address of a workload -> workload */
    const struct indexed_prefix *prefixes; /* of all segments, disjoint, ascending */
    size_t prefix_count;
};
