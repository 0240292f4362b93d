/* SPDX-License-Identifier: Apache-2.0 */
/* A program that has what is compiled for it to itself: for tests of one rule set, which know nothing of images. */
#pragma once

#include "tests/unit/base/check.h"
#include "waf/engine/program.h"

/* The rules must compile. */
static inline void own_program_compile(const struct waf_rule_set *set, struct arena *a, struct waf_program *ret)
{
    struct program_errors errors;
    struct compiled *own = compiled_create(a, NULL, (struct job_runner){0});
    assert_non_null(own);
    assert_true(program_compile_from(set, own, a, ret, &errors));
}

/* After what runs it, before the arena. */
static inline void own_program_free(struct waf_program *p)
{
    compiled_free(p->compiled);
    *p = (struct waf_program){0};
}
