/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "enforce/file.h"
#include "enforce/tzdata.h"
#include "policy/parse.h"

#define DIAGS_MEMORY ((size_t)16 << 20) /* DIAGS_MAX of them with long lines in their messages */

void loaded_free(struct loaded *l)
{
    arena_destroy(l->arena);
    arena_destroy(l->diags_arena);
    input_free(&l->source);
    *l = (struct loaded){0};
}

bool policy_load(const char *path, bool json, struct loaded *ret)
{
    const char *error;
    uint64_t seed;
    *ret = (struct loaded){.path = path, .file = input_name(path)};
    if (!input_read(path, POLICY_FILE_MAX, &ret->source, &error)) {
        (void)complain_in(json, "%s: %s", ret->file, error);
        return false;
    }
    ret->arena = arena_create(policy_memory_limit(ret->source.len));
    ret->diags_arena = arena_create(DIAGS_MEMORY);
    if (!ret->arena || !ret->diags_arena || !chance(&seed)) {
        (void)complain_in(json, "%s: %s", ret->file, strerror(errno));
        return false;
    }
    ret->diags = diags_new(ret->diags_arena);
    ret->policy = policy_parse(input_bytes(&ret->source), seed, tzdata_find, ret->arena, &ret->diags);
    return true;
}

void loaded_complain(const struct loaded *l, bool errors_only)
{
    if (errors_only && l->policy)
        return;
    struct text out = text_new(ANSWER_MAX);
    diags_print(&l->diags, l->file, input_bytes(&l->source), color_wanted(STDERR_FILENO), &out);
    /* When standard error takes nothing there is nobody left to tell. */
    bool told = write_all(STDERR_FILENO, bytes_of(out.at, out.len));
    (void)told;
    text_free(&out);
}

bool policy_need(const char *path, bool json, int invalid, struct loaded *ret, int *ret_status)
{
    *ret_status = STATUS_CANNOT;
    if (!policy_load(path, json, ret))
        return false;
    if (ret->policy)
        return true;
    if (json) {
        struct text out = text_new(ANSWER_MAX);
        diags_print_json(&ret->diags, ret->file, &out);
        *ret_status = output_text(&out, invalid);
    } else {
        loaded_complain(ret, true);
        *ret_status = invalid;
    }
    return false;
}
