/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: whatever parses must print to something that parses to the same print, and within the
 * budget. Build: clang -fsanitize=fuzzer,address,undefined, all of src/base and src/policy.
 */
#include <stdlib.h>

#include "../tests/unit/policy/zones.h"
#include "policy/parse.h"
#include "policy/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses the buffer of a quoted scalar with escapes that never ends: once a file, and then the file is an
 * error. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so\n";
}

static struct text print_again(struct bytes source, bool must)
{
    struct text out = text_new((size_t)64 << 20);
    struct arena *arena = arena_create(policy_memory_limit(source.len));
    struct diags diags = diags_new(arena);
    const struct policy *p = policy_parse(source, 1, zones_made, arena, &diags);
    if (p)
        policy_print(p, &out);
    else
        diags_print(&diags, "fuzz", source, false, &out);
    if (out.failed || diags.out_of_memory || (must && !p))
        abort();
    if (!p && !must) {
        text_free(&out);
        out = text_new(1);
    }
    arena_destroy(arena);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text first = print_again(bytes_of(data, size), false);
    if (first.at) {
        struct text second = print_again(bytes_of(first.at, first.len), true);
        if (!bytes_equal(bytes_of(first.at, first.len), bytes_of(second.at, second.len)))
            abort();
        text_free(&second);
    }
    text_free(&first);
    return 0;
}
