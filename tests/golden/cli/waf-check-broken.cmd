bulkhead waf check rules-broken.conf
