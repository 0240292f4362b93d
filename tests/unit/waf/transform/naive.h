/* SPDX-License-Identifier: Apache-2.0 */
/* Each transformation that has short cuts, without them. */
#pragma once

#include "waf/transform/transform.h"

struct naive {
    enum transformation is;
    size_t (*write)(struct bytes in, const struct unicode_map *map, uint8_t *out); /* room: four times the input and 16 */
};

extern const struct naive naives[];
extern const size_t naive_count;
