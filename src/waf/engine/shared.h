/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set that many threads use, and the one that is in force now. It may be replaced while transactions run: each goes on
 * with the rules that it began with, and whoever gives these back last frees them.
 */
#pragma once

#include "waf/engine/program.h"

struct shared_rules;

/*
 * For a program that is ready to run. `release` frees it with all that it is made of, such as its arena and its image, on the
 * thread that gives it back last. Held by who makes it. NULL when memory is out: then nothing is released.
 */
struct shared_rules *shared_rules_create(const struct waf_program *program, void (*release)(void *context), void *context) MUST_USE;
const struct waf_program *shared_rules_program(const struct shared_rules *r);
/* For who holds it already, and wants to hand it on. */
void shared_rules_hold(struct shared_rules *r);
void shared_rules_give_back(struct shared_rules *r);

/* One that nobody else uses until it is given back, as it must be before the rules are. False when memory is out. */
bool shared_rules_scratch(struct shared_rules *r, struct waf_scratch *ret) MUST_USE;
void shared_rules_scratch_back(struct shared_rules *r, const struct waf_scratch *scratch);

struct rules_in_force;

/* Takes over what the caller holds of `first`. NULL when memory is out: then it holds it still. */
struct rules_in_force *rules_in_force_create(struct shared_rules *first) MUST_USE;
/* When no thread takes from it any more; those who hold rules go on holding them. */
void rules_in_force_free(struct rules_in_force *f);
/* Held by the caller, for as long as a transaction lasts. */
struct shared_rules *rules_in_force_take(struct rules_in_force *f) MUST_USE;
/* Takes over what the caller holds of `next`: who takes from now on gets these. */
void rules_in_force_replace(struct rules_in_force *f, struct shared_rules *next);
