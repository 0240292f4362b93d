/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine asks its caller for, asked in the words of the public interface. */
#include <time.h>

#include "waf/api/api.h"

_Static_assert((int)BH_WAF_PLACE_FIELDS == (int)WAF_PLACE_FIELD_COUNT, "the public fields are the engine's");
_Static_assert((int)BH_WAF_PLACE_AREA_CODE == (int)WAF_PLACE_AREA_CODE, "in the same order");

static uint64_t duration(void *transaction)
{
    const struct bh_waf_transaction *t = transaction;
    return t->asked.duration(t->asked.context);
}

static struct bytes environment(struct bytes name, void *transaction)
{
    const struct bh_waf_transaction *t = transaction;
    struct bh_waf_bytes value = t->asked.environment(t->asked.context, bytes_told(name));
    return is_readable(value) ? bytes_given(value) : (struct bytes){0};
}

static enum waf_answer answer_of(enum bh_waf_answer answer)
{
    return answer == BH_WAF_YES ? WAF_YES : answer == BH_WAF_NO ? WAF_NO : WAF_UNKNOWN;
}

static enum waf_answer place(struct bytes address, struct arena *a, struct waf_place *ret, void *transaction)
{
    const struct bh_waf_transaction *t = transaction;
    struct bh_waf_bytes fields[BH_WAF_PLACE_FIELDS] = {{0}};
    enum waf_answer answer = answer_of(t->asked.place(t->asked.context, bytes_told(address), fields));
    for (size_t i = 0; answer == WAF_YES && i < BH_WAF_PLACE_FIELDS; i++)
        if (is_readable(fields[i]) && !bytes_copy(bytes_given(fields[i]), a, &ret->fields[i]))
            return WAF_MEMORY;
    return answer;
}

static enum waf_answer listed(struct bytes name, void *transaction)
{
    const struct bh_waf_transaction *t = transaction;
    return answer_of(t->asked.listed(t->asked.context, bytes_told(name)));
}

static void set_time(struct waf_options *o, int64_t seconds, int32_t utc_offset)
{
    time_t local;
    struct tm broken;
    o->time = seconds;
    if (!__builtin_add_overflow(seconds, utc_offset, &local) && gmtime_r(&local, &broken))
        waf_options_set_local(o, &broken);
}

bool surroundings_set(struct bh_waf_transaction *t)
{
    const struct bh_waf_options *from = &t->asked;
    struct waf_options *o = &t->options;
    *o = (struct waf_options){
        .duration = from->duration ? duration : NULL,
        .lets_undecided_by = from->lets_undecided_by,
        .most_time = from->most_time,
        .environment = from->environment ? environment : NULL,
        .place = from->place ? place : NULL,
        .listed = from->listed ? listed : NULL,
        .argument = t,
        .store = from->store ? &from->store->lent : NULL,
        .decode_responses = !from->keeps_coded_responses,
    };
    set_time(o, from->time, from->utc_offset);
    return bytes_copy(bytes_given(from->unique_id), t->arena, &o->unique_id);
}
