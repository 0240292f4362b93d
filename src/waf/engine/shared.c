/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/shared.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* One that is not in use. */
struct spare {
    struct waf_scratch scratch;
    struct spare *next;
};

struct shared_rules {
    const struct waf_program *program;
    void (*release)(void *context);
    void *context;
    _Atomic size_t holders;
    pthread_mutex_t mutex; /* of the spares */
    struct spare *spares;
};

/* To take is to read the pointer and to count, and nobody may free between the two: some 20 ns with a lock that is nearly always free. */
struct rules_in_force {
    pthread_mutex_t mutex;
    struct shared_rules *rules;
};

/* ---- one rule set */

struct shared_rules *shared_rules_create(const struct waf_program *program, void (*release)(void *context), void *context)
{
    struct shared_rules *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    if (pthread_mutex_init(&r->mutex, NULL) != 0) {
        free(r);
        return NULL;
    }
    r->program = program;
    r->release = release;
    r->context = context;
    atomic_init(&r->holders, 1);
    return r;
}

const struct waf_program *shared_rules_program(const struct shared_rules *r)
{
    return r->program;
}

void shared_rules_hold(struct shared_rules *r)
{
    atomic_fetch_add_explicit(&r->holders, 1, memory_order_relaxed);
}

static void shared_rules_free(struct shared_rules *r)
{
    for (struct spare *s = r->spares, *next; s; s = next) {
        next = s->next;
        scratch_free(&s->scratch);
        free(s);
    }
    pthread_mutex_destroy(&r->mutex);
    r->release(r->context);
    free(r);
}

void shared_rules_give_back(struct shared_rules *r)
{
    if (atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) == 1)
        shared_rules_free(r);
}

bool shared_rules_scratch(struct shared_rules *r, struct waf_scratch *ret)
{
    pthread_mutex_lock(&r->mutex);
    struct spare *s = r->spares;
    if (s)
        r->spares = s->next;
    pthread_mutex_unlock(&r->mutex);
    if (!s)
        return scratch_create(r->program, ret);
    *ret = s->scratch;
    free(s);
    return true;
}

void shared_rules_scratch_back(struct shared_rules *r, const struct waf_scratch *scratch)
{
    struct spare *s = malloc(sizeof *s);
    if (!s) {
        struct waf_scratch unkept = *scratch;
        scratch_free(&unkept);
        return;
    }
    s->scratch = *scratch;
    pthread_mutex_lock(&r->mutex);
    s->next = r->spares;
    r->spares = s;
    pthread_mutex_unlock(&r->mutex);
}

/* ---- the one in force */

struct rules_in_force *rules_in_force_create(struct shared_rules *first)
{
    struct rules_in_force *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    if (pthread_mutex_init(&f->mutex, NULL) != 0) {
        free(f);
        return NULL;
    }
    f->rules = first;
    return f;
}

void rules_in_force_free(struct rules_in_force *f)
{
    if (!f)
        return;
    shared_rules_give_back(f->rules);
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

struct shared_rules *rules_in_force_take(struct rules_in_force *f)
{
    pthread_mutex_lock(&f->mutex);
    struct shared_rules *r = f->rules;
    shared_rules_hold(r);
    pthread_mutex_unlock(&f->mutex);
    return r;
}

void rules_in_force_replace(struct rules_in_force *f, struct shared_rules *next)
{
    pthread_mutex_lock(&f->mutex);
    struct shared_rules *before = f->rules;
    f->rules = next;
    pthread_mutex_unlock(&f->mutex);
    shared_rules_give_back(before);
}
