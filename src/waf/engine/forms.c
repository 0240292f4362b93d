/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/forms.h"

static inline uint64_t triggers_of(const struct form_maker *m, struct bytes text)
{
    const struct waf_plan *p = m->plan;
    return p ? p->triggers_empty | entries_of_bytes(p->triggers, p->triggers_all, text) : UINT64_MAX;
}

struct waf_form form_of(const struct form_maker *m, struct bytes text)
{
    return (struct waf_form){.text = text, .triggers = triggers_of(m, text)};
}

struct waf_form *form_new(const struct form_maker *m, struct bytes text)
{
    struct waf_form *f = arena_buffer(m->arena, sizeof *f);
    if (f)
        *f = (struct waf_form){.text = text, .triggers = triggers_of(m, text)};
    return f;
}

/* Apart, so that the way of most calls saves no registers. */
static __attribute__((noinline)) struct waf_form *make(const struct form_maker *m, struct waf_form *f, uint8_t step)
{
    struct bytes text;
    if (!transform_triggered((enum transformation)step, m->unicode, f->text, m->arena, &text))
        return NULL;
    if (text.at == f->text.at && text.len == f->text.len) {
        f->triggers &= ~(UINT64_C(1) << step);
        return f;
    }
    struct waf_form *made = form_new(m, text);
    if (!made)
        return NULL;
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
