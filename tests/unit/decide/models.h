/* SPDX-License-Identifier: Apache-2.0 */
/* Models built by hand, without any text of a policy: what the tests of src/decide stand on. */
#pragma once

#include "policy/model.h"

/* All take texts in the policy's own words, and stop the test on a mistake in them. */
struct policy *model_new(struct arena *a);
uint32_t model_segment(struct arena *a, struct policy *p, const char *name, const char *cidrs);
/* `labels`: "key=value key=value" or "". */
uint32_t model_workload(struct arena *a, struct policy *p, const char *name, const char *segment,
                        const char *addresses, const char *labels);
/* `kind`: allow, deny or try (a deny that is only observed). Lists are separated by spaces. `when` may be NULL.
 */
uint32_t model_rule(struct arena *a, struct policy *p, const char *name, const char *kind, const char *from,
                    const char *to, const char *ports, const char *when);
/* One more published port: "443/tcp" of the uplink leads to the workload's `workload_port`. */
void model_publish(struct arena *a, struct policy *p, const char *port, const char *workload,
                   uint16_t workload_port);
/* The rules from `first` on are forgotten. */
void model_forget_rules(struct policy *p, uint32_t first);

/*
 * web, api, data, hub; storefront (0), orders (1), ledger (2, IPv4 only); an uplink. No rules.
 */
struct policy *model_shop(struct arena *a);

struct address address_of(const char *text);
