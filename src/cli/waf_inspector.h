/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that are asked about one message after another, with the collections that these share; planned once that is worth it. */
#pragma once

#include "cli/rules.h"
#include "cli/waf_inspected.h"
#include "waf/store/memory.h"

/* Memory of one transaction, and bytes of one message. */
#define TRANSACTION_MEMORY ((size_t)1 << 30)
#define MESSAGE_MAX        ((size_t)128 << 20)

struct inspector {
    struct rule_cache cache;
    struct rules rules;
    struct waf_scratch scratch;
    struct memory_store *memory;
    struct waf_store store;
    struct waf_profile profile; /* `rules` is NULL: nobody wants to know */
    uint64_t spent, asked; /* nanoseconds of processor time, and for how many messages */
    bool planned;
};

/* `what` they are called in complaints: "rules". `cache`: a file, with which there is a plan at once; NULL: none. False after a
 * complaint. Closed by inspector_close in every case. */
bool inspector_open(const struct operands *files, const char *what, const char *cache, bool json, struct inspector *ret) MUST_USE;
void inspector_close(struct inspector *with);

/* waf_inspect_messages, with the time that it took. False when memory is out before anything could be asked. */
bool inspector_ask(struct inspector *with, struct inspected *i) MUST_USE;
/* Between two messages: from a certain amount of them on, a plan is worth its time. False when memory is out. */
bool inspector_plan_when_worth(struct inspector *with) MUST_USE;
