/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical print in pieces, for whoever does not want to hold all of it. */
#pragma once

#include "base/text.h"
#include "policy/model.h"

/* Prints on into `out`; after each segment, workload and rule `each` (or NULL) may take out what is there. It returns false to stop. */
void policy_print_pieces(const struct policy *p, struct text *out, bool (*each)(struct text *out, void *context), void *context);
void policy_print_head(const struct policy *p, struct text *out);
void policy_print_segment(const struct policy *p, uint32_t index, struct text *out);
void policy_print_workload(const struct policy *p, uint32_t index, struct text *out);
void policy_print_rule(const struct policy *p, uint32_t index, struct text *out);
