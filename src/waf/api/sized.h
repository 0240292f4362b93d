/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that begin with their size, of callers who may know fewer fields, or more, than this library. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Larger than any that is meant: `size` was not set. */
#define SIZED_MAX 4096

static inline bool size_is_known(size_t size)
{
    return size >= sizeof size && size <= SIZED_MAX;
}

/* `known` is zeroed. False: the size is none, or something is asked for that is not known here. */
static inline bool sized_read(const void *given, void *known, size_t known_size)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (!size_is_known(size))
        return false;
    for (size_t i = known_size; i < size; i++)
        if (((const char *)given)[i])
            return false;
    memcpy(known, given, size < known_size ? size : known_size);
    return true;
}

/* All but the size itself, which stays. False: it is none. */
static inline bool sized_write(void *ret, const void *made, size_t made_size)
{
    size_t size;
    memcpy(&size, ret, sizeof size);
    if (!size_is_known(size))
        return false;
    memset(ret, 0, size);
    memcpy(ret, made, size < made_size ? size : made_size);
    memcpy(ret, &size, sizeof size);
    return true;
}
