/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: the transformation; the rest its input, and a map's text. Unchanged is the input itself. */
#include "waf/transform/transform.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *a = arena_create(16 << 20);
    if (!a)
        return 0;
    enum transformation t = (enum transformation)(data[0] % TRANSFORMATION_COUNT);
    const struct unicode_map *map = NULL;
    struct bytes in = bytes_of(data + 1, size - 1), out;
    if (t == TRANSFORM_URL_DECODE_UNI && !unicode_map_parse(in, 1252, a, &map))
        map = NULL;
    if (transform(t, map, in, a, &out) && out.at != in.at && bytes_equal(in, out) && in.len)
        abort();
    arena_destroy(a);
    return 0;
}
