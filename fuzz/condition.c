/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a condition: parse, evaluate, print, parse again; the second tree is equal and prints the same. */
#include "../tests/unit/policy/zones.h"
#include "policy/condition.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void print_again(const struct condition *c, struct arena *arena, struct diags *diags)
{
    struct text first = text_new(16 << 20), second = text_new(16 << 20);
    condition_print(c, &first);
    struct condition *again = condition_parse(bytes_of(first.at, first.len), (struct place){1, 1, 0}, arena, diags);
    check(again || diags->out_of_memory);
    if (again) {
        condition_print(again, &second);
        check(condition_equal(c, again));
        check(first.len == second.len && memcmp(first.at, second.at, first.len) == 0);
    }
    text_free(&first);
    text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 << 20);
    check(arena);
    struct diags diags = diags_new(arena);
    uint8_t *copy = malloc(size + 1);
    check(copy);
    memcpy(copy, data, size);
    struct condition *c = condition_parse(bytes_of(copy, size), (struct place){1, 1, 0}, arena, &diags);
    free(copy); /* the condition must not need its source any longer */
    check(c ? diags_ok(&diags) : !diags_ok(&diags));
    if (c) {
        /* Of odd sizes: just before Berlin's clock is changed. */
        struct facts facts = {.now = 1767225600 + (int64_t)(size % 7) * 86399};
        if (size % 2)
            facts = (struct facts){.now = 1774746000 - (int64_t)(size % 60), .zone = zone_made("Europe/Berlin", arena)};
        enum truth now = condition_evaluate(c, &facts);
        int64_t next = condition_next_change(c, &facts, facts.now + 50);
        for (struct facts then = facts; then.now < next; then.now++)
            check(condition_evaluate(c, &then) == now);
        struct facts after = {.now = next, .zone = facts.zone};
        check(next == facts.now + 50 || condition_evaluate(c, &after) != now);
        check(condition_depends_on_time(c) || next == facts.now + 50);
        print_again(c, arena, &diags);
    }
    arena_destroy(arena);
    return 0;
}
