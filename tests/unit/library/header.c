/* SPDX-License-Identifier: Apache-2.0 */
/* The public header alone, and all that it says is there, in C. */
#include <bulkhead/waf.h>

int main(void)
{
    struct bh_waf_options options = {.size = sizeof options};
    struct bh_waf_transaction *t = NULL;
    return bh_waf_transaction_create(NULL, &options, &t) == BH_WAF_MISUSE && bh_waf_decision(t) == BH_WAF_DENY ? 0 : 1;
}
