/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "waf/language/choices.h"
#include "waf/language/reading.h"

static bool parts_read(struct draft *d, const struct piece *p, struct waf_action *a)
{
    struct piece parts = *p;
    uint8_t sign = p->text.len ? p->text.at[0] : 0;
    a->operation = sign == '+' ? PARTS_ADD : sign == '-' ? PARTS_REMOVE : PARTS_SET;
    if (a->operation != PARTS_SET)
        parts = piece_slice(p, 1, SIZE_MAX);
    for (size_t i = 0; i < parts.text.len; i++)
        if (!memchr("ABCDEFGHIJKZ", parts.text.at[i], 12)) {
            struct piece bad = piece_slice(&parts, i, 1);
            return piece_error(&bad, "the parts are A to K and Z", "`%c` is not a part of the audit log", parts.text.at[i]);
        }
    if (parts.text.len == 0)
        return piece_error(p, NULL, "the parts are missing");
    a->text = draft_text(d, parts.text);
    return true;
}

static bool ids_of_ctl_read(struct draft *d, const struct piece *p, struct waf_action *a)
{
    size_t first = d->ids.count;
    bool ok = id_list_read(d, p);
    a->ids = DRAFT_SPAN(d, ids, first);
    return ok;
}

/* What is removed; a target. */
static bool removal_read(struct draft *d, const struct piece *p, struct waf_action *a, bool by_id)
{
    const uint8_t *semicolon = p->text.len ? memchr(p->text.at, ';', p->text.len) : NULL;
    size_t split = semicolon ? (size_t)(semicolon - p->text.at) : p->text.len;
    struct piece what = piece_slice(p, 0, split), target = piece_slice(p, split + 1, SIZE_MAX);
    if (!semicolon || what.text.len == 0 || target.text.len == 0)
        return piece_error(p, NULL, "expected %s;TARGET", by_id ? "ID" : "TEXT");
    bool ok = true;
    if (by_id)
        ok = ids_of_ctl_read(d, &what, a);
    else
        a->text = draft_text(d, what.text);
    a->text2 = draft_text(d, target.text);
    if (!target_read(d, &target, &a->target))
        return false;
    if (a->target.exclusion || a->target.count)
        return piece_error(&target, NULL, "the target is written without & and !");
    return ok;
}

bool ctl_read(struct draft *d, const struct piece *value, struct waf_action *a)
{
    struct piece p = piece_trim(*value);
    const uint8_t *equals = p.text.len ? memchr(p.text.at, '=', p.text.len) : NULL;
    size_t split = equals ? (size_t)(equals - p.text.at) : p.text.len, index;
    struct piece name = piece_slice(&p, 0, split), what = piece_slice(&p, split + 1, SIZE_MAX);
    if (!word_find(name.text, ctl_names, CTL_COUNT, &index))
        return unknown_word(&name, "something ctl can change", "ctl:", ctl_names, CTL_COUNT, refused_ctls);
    a->ctl = (uint8_t)index;
    if (what.text.len == 0)
        return piece_error(&p, NULL, "the value is missing: ctl:%s=VALUE", ctl_names[index]);
    uint64_t n;
    char kind[60];
    snprintf(kind, sizeof kind, "a value of ctl:%s", ctl_names[index]);
    switch ((enum ctl_value_shape)ctl_shapes[index]) {
    case CTL_SWITCH:
        return choice_read(&what, switch_choices, kind, &a->operation);
    case CTL_ENGINE:
        return choice_read(&what, engine_choices, kind, &a->operation);
    case CTL_AUDIT_SWITCH:
        return choice_read(&what, audit_engine_choices, kind, &a->operation);
    case CTL_PROCESSOR:
        return choice_read(&what, processor_choices, kind, &a->operation);
    case CTL_PARTS:
        return parts_read(d, &what, a);
    case CTL_NUMBER:
        if (!number_read(&what, INT64_MAX, &n))
            return false;
        a->number = (int64_t)n;
        return true;
    case CTL_IDS:
        return ids_of_ctl_read(d, &what, a);
    case CTL_TEXT:
        a->text = draft_text(d, what.text);
        return true;
    case CTL_ID_TARGET:
        return removal_read(d, &what, a, true);
    case CTL_TEXT_TARGET:
        return removal_read(d, &what, a, false);
    }
    return true;
}
