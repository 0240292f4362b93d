/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a policy, which every record and every enforcement point names it by. */
#pragma once

#include "policy/model.h"

/* SHA-256 of the canonical print into p->digest. False when memory is out. */
bool policy_digest(struct policy *p) MUST_USE;
