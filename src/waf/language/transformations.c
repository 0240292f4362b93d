/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/transformations.h"

#include "waf/language/words.h"

const char *const transformation_names[TRANSFORMATION_COUNT] = {
#define X(NAME, TEXT) TEXT,
    TRANSFORMATIONS(X)
#undef X
};

bool transformation_find(struct bytes name, enum transformation *ret)
{
    size_t index;
    if (word_is(name, "normalizePath"))
        index = TRANSFORMATION_NORMALISE_PATH;
    else if (word_is(name, "normalizePathWin"))
        index = TRANSFORMATION_NORMALISE_PATH_WIN;
    else if (!word_find(name, transformation_names, TRANSFORMATION_COUNT, &index))
        return false;
    *ret = (enum transformation)index;
    return true;
}
