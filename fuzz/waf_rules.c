/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: rules of the web application firewall. Whatever loads must print to something that loads and
 * prints the same. Every file that the rules name exists; what an Include finds is one rule.
 */
#include <stdlib.h>

#include "waf/language/load.h"
#include "waf/language/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char included[] = "SecMarker within\nSecRule ARGS @detectXSS \"id:77,deny\"\n";

static bool list(void *context, const char *from, const char *pattern, struct file_names *into)
{
    (void)context;
    (void)from;
    return file_names_add(into, pattern[0] ? pattern : "empty");
}

static bool read_file(void *context, const char *name, struct bytes *ret)
{
    const struct bytes *rules = context;
    *ret = strcmp(name, "/rules") == 0 ? *rules : bytes_of_text(included);
    return true;
}

static struct text print_again(struct bytes source, bool must)
{
    static const char *const names[] = {"/rules"};
    struct text out = text_new((size_t)64 << 20);
    struct arena *arena = arena_create((size_t)64 << 20);
    struct rule_files files = {&source, list, read_file};
    struct sources sources;
    const struct waf_rule_set *set;
    bool ok = rules_load(names, 1, &files, arena, &sources, &set);
    if (ok)
        rule_set_print(set, &out);
    else
        sources_print(&sources, false, &out);
    if (out.failed || sources.out_of_memory || (must && !ok))
        abort();
    if (!ok) {
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
