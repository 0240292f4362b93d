/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a form: at once and in pieces they give the same, in an arena that may be too small. */
#include "waf_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_body(BODY_URLENCODED, bytes_of(data, size));
    return 0;
}
