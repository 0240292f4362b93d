/* SPDX-License-Identifier: Apache-2.0 */
/* The same in C++. */
#include <bulkhead/waf.h>

int main()
{
    bh_waf_options options = bh_waf_options();
    bh_waf_transaction *t = NULL;
    options.size = sizeof options;
    enum bh_waf_decision decision = bh_waf_decision(t);
    struct bh_waf_event event = {};
    event.size = sizeof event;
    return bh_waf_transaction_create(NULL, &options, &t) == BH_WAF_MISUSE && decision == BH_WAF_DENY && bh_waf_event(t, 0, &event) == BH_WAF_MISUSE ? 0 : 1;
}
