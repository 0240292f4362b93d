bulkhead waf explain 110 --rules rules-broken.conf
