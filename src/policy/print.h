/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a policy: parsing it gives the same model, printing that the same text. */
#pragma once

#include "policy/model.h"

void policy_print(const struct policy *p, struct text *out);
/* A workload's name as a scalar of YAML: in quotes where another reader would take it for something else. */
void name_print(const char *name, struct text *out);
/* One selector, an end, a ports entry as they stand in canonical form ("[any, not:world]", "8000-8099/tcp"). */
void selector_print(const struct policy *p, const struct selector *s, struct text *out);
void end_print(const struct policy *p, const struct end *e, struct text *out);
void ports_print(const struct ports *p, struct text *out);
/* The language's JSON Schema (2020-12), generated from the parser's own tables. */
void policy_schema(struct text *out);
