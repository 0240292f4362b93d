/* SPDX-License-Identifier: Apache-2.0 */
/* What was compiled for rules, as bytes for the next time. */
#include <stdlib.h>

#include "waf/api/api.h"
#include "waf/image/image.h"

enum bh_waf_result bh_waf_rules_image(const struct bh_waf_rules *rules, void **ret, size_t *ret_len)
{
    uint8_t *image;
    if (!rules || !ret || !ret_len)
        return BH_WAF_MISUSE;
    if (!image_write(rules->compiled, &image, ret_len))
        return BH_WAF_NO_MEMORY;
    *ret = image;
    return BH_WAF_OK;
}

void bh_waf_image_free(void *image)
{
    free(image);
}

int bh_waf_rules_are_new(const struct bh_waf_rules *rules)
{
    return rules && compiled_is_new(rules->compiled);
}

void bh_waf_rules_warm(const struct bh_waf_rules *rules)
{
    if (rules)
        program_warm(&rules->program);
}
