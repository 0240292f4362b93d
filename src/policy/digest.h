/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a policy, which every record and every enforcement point names it by. */
#pragma once

#include "policy/model.h"
#include "policy/zone.h"

/* SHA-256 of the canonical print into p->digest. False when memory is out. */
bool policy_digest(struct policy *p) MUST_USE;
/* policy_parse; `enforce_all`, for tests: says nothing about what is not enforced yet, and takes it. */
struct policy *policy_parse_all(struct bytes source, uint64_t seed, zone_finder *find_zone, struct arena *arena, struct diags *diags, bool enforce_all) MUST_USE;
