/* SPDX-License-Identifier: Apache-2.0 */
/* A policy from a file, with what is wrong with it shown to who asked. */
#pragma once

#include "cli/input.h"
#include "policy/model.h"

/* Bytes of a policy file; a million rules take about a quarter. */
#define POLICY_FILE_MAX ((size_t)512 << 20)

struct loaded {
    const char *path; /* as given */
    const char *file; /* as shown: "stdin" for "-" */
    struct input source;
    struct arena *arena,
        *diags_arena; /* the policy's; and, so that a full one can be told of, the diagnostics' */
    struct diags diags;
    struct policy *policy; /* NULL: not valid */
};

/*
 * Reads and checks. False when the file cannot be read or there is no memory (complained about; as JSON on
 * standard output with `json`): STATUS_CANNOT. An invalid policy is true, with policy NULL. `ret` is to be
 * freed by loaded_free in every case. Nothing about diagnostics is printed.
 */
bool policy_load(const char *path, bool json, struct loaded *ret) MUST_USE;
void loaded_free(struct loaded *l);

/* Diagnostics for people, on standard error, in colour on a terminal. `errors_only`: nothing when it is valid.
 */
void loaded_complain(const struct loaded *l, bool errors_only);

/*
 * For who needs a valid policy: loads and says what is wrong (for people, or as JSON on standard output).
 * True: go on, l->policy is there. False: return `*ret_status`, which is `invalid` for an invalid policy and
 * STATUS_CANNOT for an unreadable one. Warnings are not shown: that is for `check`.
 */
bool policy_need(const char *path, bool json, int invalid, struct loaded *ret, int *ret_status) MUST_USE;
