/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/number_sort.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 9 /* two digits are enough for services, and for the rules and parties of most policies */
#define DIGITS     (1u << DIGIT_BITS)

static uint32_t number_at(const uint8_t *items, size_t i, size_t size)
{
    uint32_t n;
    memcpy(&n, items + i * size, sizeof n);
    return n;
}

/* The sizes of NUMBER_SORT_QUICK, so that no copy of a few bytes is a call. */
static void copy_item(uint8_t *to, const uint8_t *from, size_t size)
{
    switch (size) {
    case 4: memcpy(to, from, 4); break;
    case 12: memcpy(to, from, 12); break;
    case 16: memcpy(to, from, 16); break;
    case 24: memcpy(to, from, 24); break;
    default: memcpy(to, from, size);
    }
}

/* By one digit, from one place to the other. */
static void distribute(const uint8_t *from, uint8_t *to, size_t count, size_t size, unsigned shift)
{
    size_t begins[DIGITS + 1] = {0};
    for (size_t i = 0; i < count; i++)
        begins[(number_at(from, i, size) >> shift) % DIGITS + 1]++;
    for (size_t d = 1; d < DIGITS; d++)
        begins[d] += begins[d - 1];
    for (size_t i = 0; i < count; i++) {
        size_t at = begins[(number_at(from, i, size) >> shift) % DIGITS]++;
        copy_item(to + at * size, from + i * size, size);
    }
}

/* For few items: each is put among those before it. `spare` holds it meanwhile. */
static void insert_each(uint8_t *items, uint8_t *spare, size_t count, size_t size)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t n = number_at(items, i, size);
        size_t at = i;
        while (at > 0 && number_at(items, at - 1, size) > n)
            at--;
        if (at == i)
            continue;
        copy_item(spare, items + i * size, size);
        memmove(items + (at + 1) * size, items + at * size, (i - at) * size);
        copy_item(items + at * size, spare, size);
    }
}

void number_sort(void *items, void *spare, size_t count, size_t size, uint32_t most)
{
    uint8_t *from = items, *to = spare;
    if (count < 32) {
        insert_each(items, spare, count, size);
        return;
    }
    for (unsigned shift = 0; shift < 32 && most >> shift; shift += DIGIT_BITS) {
        distribute(from, to, count, size, shift);
        uint8_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items)
        memcpy(items, from, count * size);
}
