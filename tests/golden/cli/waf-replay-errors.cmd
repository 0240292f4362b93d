bulkhead waf replay --old rules-replay-old.conf --new rules-replay-new.conf --requests recorded-broken
