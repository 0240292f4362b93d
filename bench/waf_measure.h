/* SPDX-License-Identifier: Apache-2.0 */
/* One case through the engines in turn: what a transaction costs each of them, and which rules fired. */
#pragma once

#include "waf_case.h"
#include "waf_contender.h"

#define WAF_ROUNDS 5
#define WAF_CONTENDERS_MAX 2

struct waf_measured {
    double ns;       /* of processor time a transaction, all threads: the median of the rounds' means */
    double mean_ns;  /* of all transactions, the very first with all that it had to make among them */
    double first_ns; /* of the very first */
    size_t transactions, rounds;
    struct fired fired; /* at the first, sorted, each once */
    bool steady;        /* as many fired at each */
};

/*
 * Five rounds in turn of some 50 ms each. An engine that has used `limit` seconds is not begun again: its figure is then
 * from the rounds it had, or from its first transaction.
 */
void waf_measure(struct waf_case *c, const struct contender *contenders, size_t count, double limit, struct waf_measured *ret);
