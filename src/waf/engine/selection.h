/* SPDX-License-Identifier: Apache-2.0 */
/* Which names of a collection a target or a macro means, made ready to be looked for. */
#pragma once

#include "base/bytes.h"
#include "waf/operator/regex.h"

struct selection {
    uint8_t kind;        /* enum selector_kind */
    uint32_t hash;       /* of `name` */
    uint32_t number;     /* of `name` among the known ones, of TX; else NOTHING */
    struct bytes name;   /* literal */
    const struct regex *regex; /* else NULL */
    uint64_t *known;     /* bits by number, of TX: the expression selects that name; else NULL */
};
