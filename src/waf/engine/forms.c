/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/forms.h"

static inline uint64_t triggers_of(const struct form_maker *m, struct bytes text)
{
    const struct waf_plan *p = m->plan;
    return p ? p->triggers_empty | entries_of_bytes(p->triggers, p->triggers_all, text) : UINT64_MAX;
}

/* The same of what a transformation made of `before`; it may be more than that. */
static inline uint64_t triggers_of_made(const struct form_maker *m, const struct waf_form *before, enum transformation step, struct bytes text)
{
    const struct waf_plan *p = m->plan;
    if (p && transformation_only_takes(step))
        return before->seen | p->triggers['a'] | p->triggers[' '];
    return triggers_of(m, text);
}

static inline struct waf_form form_with(struct bytes text, uint64_t triggers)
{
    return (struct waf_form){.text = text, .triggers = triggers, .seen = triggers};
}

struct waf_form form_of(const struct form_maker *m, struct bytes text)
{
    return form_with(text, triggers_of(m, text));
}

struct waf_form *form_new(const struct form_maker *m, struct bytes text)
{
    struct waf_form *f = arena_buffer(m->arena, sizeof *f);
    if (f)
        *f = form_with(text, triggers_of(m, text));
    return f;
}

/* Apart, so that the way of most calls saves no registers. */
static __attribute__((noinline)) struct waf_form *make(const struct form_maker *m, struct waf_form *f, uint8_t step)
{
    struct bytes text;
    if (!transform_triggered((enum transformation)step, m->unicode, f->text, m->arena, &text))
        return NULL;
    if (text.at == f->text.at && text.len == f->text.len) {
        f->triggers &= ~transformations_alike((enum transformation)step, f->seen);
        return f;
    }
    struct waf_form *made = arena_buffer(m->arena, sizeof *made);
    if (!made)
        return NULL;
    *made = form_with(text, triggers_of_made(m, f, (enum transformation)step, text));
    made->step = step;
    made->next = f->made;
    f->made = made;
    return made;
}

static inline struct waf_form *made_of(const struct form_maker *m, struct waf_form *f, uint8_t step)
{
    if (!(f->triggers >> step & 1))
        return f;
    for (struct waf_form *made = f->made; made; made = made->next)
        if (made->step == step)
            return made;
    return make(m, f, step);
}

struct waf_form *form_step(const struct form_maker *m, struct waf_form *f, uint8_t step)
{
    return made_of(m, f, step);
}

struct waf_form *form_steps(const struct form_maker *m, struct waf_form *f, const uint8_t *steps, uint32_t count)
{
    for (uint32_t i = 0; f && i < count; i++)
        f = made_of(m, f, steps[i]);
    return f;
}
