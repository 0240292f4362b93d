/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/json.h"

#include <setjmp.h>
#include <yajl/yajl_parse.h>

#include "base/digits.h"

#define DEPTH_DEFAULT 10000 /* what the peer has when SecRequestBodyJsonDepthLimit is not set */

/* An object or array that is open. */
struct container {
    size_t prefix; /* bytes of `path` that lead to it */
    size_t count;  /* elements of an array before the current one */
    bool array;
};

struct json {
    struct report *report;
    yajl_handle yajl;
    struct container *open;
    size_t depth, capacity;
    struct growing path;
    struct growing key;
    bool has_key, too_deep;
    jmp_buf no_memory; /* yajl does not look at what its allocator returns: what fails leaves it for good */
};

/* In front of what yajl gets: realloc must know how much to copy. */
struct block {
    _Alignas(16) size_t size;
};

static void *yajl_take(void *context, size_t size)
{
    struct json *j = context;
    size_t all;
    struct block *b = __builtin_add_overflow(size, sizeof *b, &all) ? NULL : arena_alloc(j->report->arena, all);
    if (!b) {
        report_no_memory(j->report);
        longjmp(j->no_memory, 1);
    }
    b->size = size;
    return b + 1;
}

static void *yajl_resize(void *context, void *old, size_t size)
{
    struct block *b = old ? (struct block *)old - 1 : NULL;
    if (b && size <= b->size)
        return old;
    /* Twice what it had: what it leaves behind in the arena stays less than what it has. */
    void *moved = yajl_take(context, b && b->size < SIZE_MAX / 2 && 2 * b->size > size ? 2 * b->size : size);
    if (b)
        memcpy(moved, old, b->size);
    return moved;
}

static void yajl_give(void *context, void *old)
{
    (void)context;
    (void)old;
}

static struct container *innermost(struct json *j)
{
    return j->depth ? &j->open[j->depth - 1] : NULL;
}

/* The path up to what comes next in the innermost container, without that one's own name. */
static bool path_to_next(struct json *j)
{
    struct container *c = innermost(j);
    if (!c) {
        j->path.len = 0;
        return true;
    }
    uint8_t suffix[sizeof ".array_" + DIGITS_MAX] = ".array_";
    size_t len = c->array ? strlen(".array_") + digits_put(suffix + strlen(".array_"), c->count) : 1;
    j->path.len = c->prefix;
    return growing_append(j->report, &j->path, bytes_of(suffix, len));
}

/* And with it. */
static bool path_to_this(struct json *j)
{
    if (!path_to_next(j))
        return false;
    struct container *c = innermost(j);
    struct bytes name = bytes_of_text("");
    if (!c)
        name = bytes_of_text("json");
    else if (!c->array)
        name = j->key.len ? growing_bytes(&j->key) : bytes_of_text("empty-key");
    j->key.len = 0;
    return growing_append(j->report, &j->path, name);
}

static void passed_one(struct json *j)
{
    struct container *c = innermost(j);
    if (c && c->array)
        c->count++;
}

/* The path, and the value behind it, in memory that stays. */
static bool keep(struct json *j, struct bytes *ret_name, struct bytes *value)
{
    size_t len = j->path.len, all;
    uint8_t *at = __builtin_add_overflow(len, value->len, &all) ? NULL : arena_buffer(j->report->arena, all);
    if (!at)
        return report_no_memory(j->report);
    memcpy(at, j->path.at, len);
    if (value->len)
        memcpy(at + len, value->at, value->len);
    *ret_name = bytes_of(at, len);
    value->at = at + len;
    return true;
}

static int give_value(struct json *j, struct bytes value)
{
    struct bytes name;
    if (!path_to_this(j))
        return 0;
    passed_one(j);
    /* What does not get in must not cost a copy either. */
    if (j->report->limits.argument_bytes && j->path.len > j->report->limits.argument_bytes)
        return report_argument(j->report, BODY_ARGUMENT, growing_bytes(&j->path), value);
    return keep(j, &name, &value) && report_argument(j->report, BODY_ARGUMENT, name, value);
}

static int on_null(void *context)
{
    return give_value(context, bytes_of_text(""));
}

static int on_boolean(void *context, int value)
{
    return give_value(context, bytes_of_text(value ? "true" : "false"));
}

static int on_number(void *context, const char *text, size_t len)
{
    return give_value(context, bytes_of(text, len));
}

static int on_string(void *context, const unsigned char *text, size_t len)
{
    return give_value(context, bytes_of(text, len));
}

static int on_key(void *context, const unsigned char *text, size_t len)
{
    struct json *j = context;
    j->key.len = 0;
    return growing_append(j->report, &j->key, bytes_of(text, len));
}

static int open_container(struct json *j, bool array)
{
    size_t bound = j->report->limits.depth ? j->report->limits.depth : DEPTH_DEFAULT;
    if (!path_to_this(j))
        return 0;
    if (j->depth >= bound) {
        j->too_deep = true;
        (void)!report_limit(j->report, BODY_LIMIT_DEPTH, bound);
        return 0;
    }
    struct container *grown = arena_grow(j->report->arena, j->open, j->depth, &j->capacity, sizeof *j->open);
    if (!grown)
        return report_no_memory(j->report);
    j->open = grown;
    j->open[j->depth++] = (struct container){.prefix = j->path.len, .array = array};
    return 1;
}

static int on_object(void *context)
{
    return open_container(context, false);
}

static int on_array(void *context)
{
    return open_container(context, true);
}

static int on_close(void *context)
{
    struct json *j = context;
    if (j->depth)
        j->depth--;
    passed_one(j);
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

struct json *json_begin(struct report *r)
{
    struct json *j = arena_alloc(r->arena, sizeof *j);
    if (!j)
        return NULL;
    j->report = r;
    if (setjmp(j->no_memory))
        return NULL;
    yajl_alloc_funcs memory = {.malloc = yajl_take, .realloc = yajl_resize, .free = yajl_give, .ctx = j};
    j->yajl = yajl_alloc(&callbacks, &memory, j);
    return j->yajl ? j : NULL;
}

void json_feed(struct json *j, struct bytes block)
{
    if (setjmp(j->no_memory))
        return;
    if (yajl_parse(j->yajl, block.at, block.len) != yajl_status_ok && j->report->status == BODY_MORE)
        j->report->status = BODY_BROKEN;
}

void json_end(struct json *j)
{
    struct report *r = j->report;
    if (setjmp(j->no_memory))
        return;
    bool ok = yajl_complete_parse(j->yajl) == yajl_status_ok;
    if (r->status == BODY_STOPPED || ok || r->received == 0)
        return;
    unsigned char *why = yajl_get_error(j->yajl, 0, NULL, 0);
    char *text = arena_format(r->arena, "JSON parsing error: %s%s", why ? (char *)why : "",
                              j->too_deep ? ". Parsing depth limit exceeded" : "");
    if (text)
        (void)!report_error(r, bytes_of_text(text));
    else
        report_no_memory(r);
}
