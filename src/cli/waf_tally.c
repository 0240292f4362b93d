/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_tally.h"

#include "cli/waf_show.h"
#include "waf/language/print.h"

#define MESSAGE_ROOM ((size_t)1 << 20)

const char *const difference_names[] = {[DIFFERENCE_NONE] = "unchanged", [DIFFERENCE_REFUSED] = "newly_refused", [DIFFERENCE_PASSED] = "newly_passed",
    [DIFFERENCE_OTHER] = "other_changes"};

static const char *message_of(const struct waf_rule_set *set, uint32_t rule, struct arena *a)
{
    struct text text = text_new(MESSAGE_ROOM);
    if (set->rules[rule].written.has_msg)
        template_print(set, set->rules[rule].written.msg, &text);
    const char *kept = text.failed ? NULL : arena_text(a, text_cstr(&text), text.len);
    text_free(&text);
    return kept;
}

/* The rule's line, made when there is none yet. NULL when memory is out. */
static struct tally_rule *line_of(struct tally *t, const struct waf_rule_set *set, const struct fired *f)
{
    size_t at = 0;
    for (size_t to = t->count; at < to;) {
        size_t middle = at + (to - at) / 2;
        if (t->rules[middle].id < f->id)
            at = middle + 1;
        else
            to = middle;
    }
    if (at < t->count && t->rules[at].id == f->id)
        return &t->rules[at];
    const char *message = message_of(set, f->rule, t->arena);
    struct tally_rule *grown = message ? arena_grow(t->arena, t->rules, t->count, &t->capacity, sizeof *t->rules) : NULL;
    if (!grown)
        return NULL;
    t->rules = grown;
    memmove(&t->rules[at + 1], &t->rules[at], (t->count - at) * sizeof *t->rules);
    t->rules[at] = (struct tally_rule){.id = f->id, .message = message};
    t->count++;
    return &t->rules[at];
}

bool tally_take(struct tally *t, const struct difference *d)
{
    t->kinds[d->kind]++;
    for (int s = 0; s < SIDES; s++)
        for (size_t i = 0; i < d->sides[s].count; i++) {
            if (d->sides[s].fired[i].other)
                continue;
            struct tally_rule *line = line_of(t, d->sides[s].set, &d->sides[s].fired[i]);
            if (!line)
                return false;
            *(s == NEW ? &line->gained : &line->lost) += 1;
        }
    return true;
}

void tally_print(const struct tally *t, struct text *out)
{
    text_printf(out, "%-15s %7zu\n", "requests", t->requests);
    text_printf(out, "  %-13s %7zu\n", "unchanged", t->kinds[DIFFERENCE_NONE]);
    text_printf(out, "  %-13s %7zu\n", "newly refused", t->kinds[DIFFERENCE_REFUSED]);
    text_printf(out, "  %-13s %7zu\n", "newly passed", t->kinds[DIFFERENCE_PASSED]);
    text_printf(out, "  %-13s %7zu\n", "other changes", t->kinds[DIFFERENCE_OTHER]);
    if (t->errors)
        text_printf(out, "  %-13s %7zu\n", "errors", t->errors);
    if (t->count)
        text_printf(out, "\n%10s %7s %7s  %s\n", "rule", "gained", "lost", "message");
    for (size_t i = 0; i < t->count; i++) {
        text_printf(out, "%10lld %7zu %7zu", (long long)t->rules[i].id, t->rules[i].gained, t->rules[i].lost);
        if (*t->rules[i].message) {
            text_puts(out, "  ");
            waf_show_within(bytes_of_text(t->rules[i].message), 52, out);
        }
        text_puts(out, "\n");
    }
}

void tally_json(const struct tally *t, struct text *out)
{
    text_printf(out, "{\"requests\": %zu", t->requests);
    for (size_t i = 0; i <= DIFFERENCE_OTHER; i++)
        text_printf(out, ", \"%s\": %zu", difference_names[i], t->kinds[i]);
    text_printf(out, ", \"errors\": %zu, \"rules\": [", t->errors);
    for (size_t i = 0; i < t->count; i++) {
        text_printf(out, "%s{\"id\": %lld, \"gained\": %zu, \"lost\": %zu, \"msg\": ", i ? ", " : "", (long long)t->rules[i].id, t->rules[i].gained,
            t->rules[i].lost);
        waf_show_json(bytes_of_text(t->rules[i].message), SIZE_MAX, out);
        text_puts(out, "}");
    }
    text_puts(out, "]}\n");
}
