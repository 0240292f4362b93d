/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a regular expression: it is read or not, and texts made from it have their bound. */
#include <stdlib.h>

#include "waf/example/pattern_make.h"

#define MEMORY ((size_t)64 << 20)
#define TEXTS  5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct arena *a = arena_create(MEMORY);
    if (!copy || !a)
        abort();
    if (size)
        memcpy(copy, data, size);
    const struct pattern_tree *p = pattern_read(bytes_of(copy, size), a);
    struct chance c = chance_new(size);
    for (int i = 0; p && i < TEXTS; i++) {
        struct text t = text_new(3 * PATTERN_TEXT_MAX);
        pattern_make(p, &c, &t);
        if (t.failed || t.len > 2 * PATTERN_TEXT_MAX)
            abort();
        text_free(&t);
    }
    arena_destroy(a);
    free(copy);
    return 0;
}
