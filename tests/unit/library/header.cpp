/* SPDX-License-Identifier: Apache-2.0 */
/* The same in C++. */
#include <bulkhead/waf.h>

int main()
{
    bh_waf_options options = bh_waf_options();
    bh_waf_transaction *t = NULL;
    options.size = sizeof options;
    return bh_waf_transaction_create(NULL, &options, &t) == BH_WAF_MISUSE && bh_waf_decision(t) == BH_WAF_DENY ? 0 : 1;
}
