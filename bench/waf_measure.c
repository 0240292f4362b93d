/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_measure.h"

#include <stdlib.h>

#include "report.h"
#include "waf_cases.h"

#define ROUND_NS 50e6
#define BATCH_NS 2e6 /* between two looks at the clock, which is a system call */

/* An engine at one case. */
struct run {
    const struct contender *contender;
    struct waf_case *request, *answer;
    uint64_t number; /* of the next token */
    double rounds[WAF_ROUNDS];
    size_t round_count, transactions;
    uint64_t spent; /* ns */
    bool unsteady;
    struct fired first, last;
};

/* Nanoseconds of `count` transactions. Writing the tokens is in them: some ten nanoseconds for both engines. */
static uint64_t transact(struct run *r, size_t count)
{
    uint64_t start = process_ns();
    for (size_t i = 0; i < count; i++) {
        waf_case_stamp(r->request, ++r->number);
        waf_case_stamp(r->answer, r->number);
        r->last.count = 0;
        r->contender->inspect(r->contender->engine, waf_case_bytes(r->request), waf_case_bytes(r->answer), &r->last);
        r->unsteady |= r->transactions + i && r->last.count != r->first.count;
    }
    uint64_t took = process_ns() - start;
    r->transactions += count;
    r->spent += took;
    return took;
}

static void round_of(struct run *r, double limit)
{
    uint64_t took = 0;
    size_t count = 0, batch = 1;
    while ((double)took < ROUND_NS && (!count || (double)r->spent < limit * 1e9)) {
        took += transact(r, batch);
        count += batch;
        batch = 1 + (size_t)(BATCH_NS * (double)count / (double)(took + 1));
    }
    r->rounds[r->round_count++] = (double)took / (double)count;
}

static int compare_longs(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return x < y ? -1 : x > y;
}

static void make_set(struct fired *f)
{
    size_t kept = 0;
    qsort(f->ids, f->count, sizeof *f->ids, compare_longs);
    for (size_t i = 0; i < f->count; i++)
        if (!kept || f->ids[kept - 1] != f->ids[i])
            f->ids[kept++] = f->ids[i];
    f->count = kept;
}

static void result_of(struct run *r, double first, struct waf_measured *ret)
{
    *ret = (struct waf_measured){.first_ns = first, .mean_ns = (double)r->spent / (double)r->transactions, .transactions = r->transactions, .rounds = r->round_count, .steady = !r->unsteady};
    ret->ns = r->round_count ? median(r->rounds, r->round_count) : first;
    ret->fired = r->first;
    make_set(&ret->fired);
}

void waf_measure(struct waf_case *c, const struct contender *contenders, size_t count, double limit, struct waf_measured *ret)
{
    static struct run runs[WAF_CONTENDERS_MAX];
    double first[WAF_CONTENDERS_MAX];
    struct waf_case answer = waf_answer_make();
    for (size_t i = 0; i < count; i++) {
        runs[i] = (struct run){.contender = &contenders[i], .request = c, .answer = &answer};
        first[i] = (double)transact(&runs[i], 1);
        runs[i].first = runs[i].last;
    }
    for (size_t round = 0; round < WAF_ROUNDS; round++)
        for (size_t i = 0; i < count; i++)
            if ((double)runs[i].spent < limit * 1e9)
                round_of(&runs[i], limit);
    for (size_t i = 0; i < count; i++)
        result_of(&runs[i], first[i], &ret[i]);
    waf_case_free(&answer);
}
